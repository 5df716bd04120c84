"""The error for weights that cannot be obtained, read or loaded."""


class WeightsError(ValueError):
    """Says which file or name, what is wrong with it, and what to do."""
