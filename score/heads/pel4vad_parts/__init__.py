"""Parts of the head pel4vad: its attention, and what is done to scores after training."""
