"""Layers that heads are built of."""
