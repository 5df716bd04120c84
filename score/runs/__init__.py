"""What training leaves on disk: checkpoints, logs, and what a run must share to resume."""
