"""Speed and memory beside baselines; RESULTS.md has the numbers."""
