"""What training leaves on the disk: checkpoints, logs, identity."""
