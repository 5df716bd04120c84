"""Pooled videos to batches: the cache in memory, splits, folds, sampling, standardising."""
