"""Speed and memory compared with baselines; RESULTS.md has the numbers."""
