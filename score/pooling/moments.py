"""Mean and variance of rows that arrive block by block."""

from __future__ import annotations

import numpy as np


class Moments:
    """Running mean and squared deviations of rows [n, D], merged block by block (Chan et al. 1983).

    count: rows so far. mean, squares: float64 [D]; squares are summed squared deviations from the mean.
    """

    def __init__(self):
        self.count = 0
        # Scalars broadcast to [D] at the first merge, when D is known.
        self.mean: np.ndarray = np.zeros(())
        self.squares: np.ndarray = np.zeros(())

    def add(self, rows: np.ndarray) -> None:
        """Rows [n, D] of any type, perhaps none; needs twice their size as float64."""
        if not len(rows):
            return
        deviation = rows.astype(np.float64)
        mean = deviation.mean(axis=0)
        deviation -= mean
        deviation *= deviation
        self._merge(len(rows), mean, deviation.sum(axis=0))

    def merge(self, other: Moments) -> None:
        """Add the rows that another instance has seen; another order changes the last bits."""
        if other.count:
            self._merge(other.count, other.mean, other.squares)

    def _merge(self, count: int, mean: np.ndarray, squares: np.ndarray) -> None:
        total = self.count + count
        shift = mean - self.mean
        self.squares = self.squares + squares + shift**2 * (self.count * count / total)
        self.mean = self.mean + shift * (count / total)
        self.count = total
