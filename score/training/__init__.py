"""One training loop for every head, from lists and stores to checkpoints."""
