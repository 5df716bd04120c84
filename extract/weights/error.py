"""The error of weights that cannot be had, read or fitted."""


class WeightsError(ValueError):
    """Says which file or name, what is wrong with it, and what to do."""
