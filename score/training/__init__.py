"""One loop for every head."""
