"""The synthetic data set and the walk-through."""
