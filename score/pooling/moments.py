"""Mean and spread of rows that come part by part, whoever reads them."""

from __future__ import annotations

import numpy as np


class Moments:
    """Running mean and squared deviations of rows [n, D], merged part by part (Chan et al. 1983)."""

    def __init__(self):
        self.count = 0
        self.mean: np.ndarray | float = 0.0
        self.squares: np.ndarray | float = 0.0

    def add(self, rows: np.ndarray) -> None:
        """Rows [n, D] of any type; takes twice their memory as float64."""
        deviation = rows.astype(np.float64)
        mean = deviation.mean(axis=0)
        deviation -= mean
        deviation *= deviation
        self._merge(len(rows), mean, deviation.sum(axis=0))

    def merge(self, other: Moments) -> None:
        """Add what another one has seen; in another order the last bits differ."""
        if other.count:
            self._merge(other.count, other.mean, other.squares)

    def _merge(self, count: int, mean: np.ndarray, squares: np.ndarray) -> None:
        total = self.count + count
        shift = mean - self.mean
        self.squares = self.squares + squares + shift**2 * (self.count * count / total)
        self.mean = self.mean + shift * (count / total)
        self.count = total
