"""What the multi-task head is built of."""
