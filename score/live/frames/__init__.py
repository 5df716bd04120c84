"""The frames of cameras on their way to the engine."""
