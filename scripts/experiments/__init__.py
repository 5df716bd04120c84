"""What decided a setting, and what a head is worth; RESULTS.md has the numbers."""
