"""A video as the means of 16 equal time bins, computed from rows that arrive block by block."""

from __future__ import annotations

import numpy as np

TIME_BINS = 16


class TimeBins:
    """Takes the rows [n, D] of a video in order and gives the mean of each time bin.

    num_rows: of the whole video. start, stop: which part of it the bins cover, as shares in [0, 1].
    """

    def __init__(self, num_rows: int, start: float = 0.0, stop: float = 1.0):
        self._edges = np.clip(np.linspace(start, stop, TIME_BINS + 1), 0, 1) * num_rows
        before = np.floor(self._edges).astype(int)
        # How many rows end before each edge, and how many with the row that the edge cuts.
        self._counts = np.stack([before, np.minimum(before + 1, num_rows)])
        self._sums = np.zeros((0, 0, 0))  # sums of the first _counts rows, [2, 17, D]
        self._seen, self._total = 0, np.zeros(0)

    def add(self, rows: np.ndarray) -> None:
        """The next rows, float32 [n, D]."""
        if not self._seen:
            self._sums = np.zeros((*self._counts.shape, rows.shape[1]))
            sums = np.cumsum(rows, axis=0, dtype=np.float64)
        else:
            # The sum so far goes in as an extra row, so that blocks add up in the order of one pass.
            sums = np.cumsum(np.concatenate([self._total[None], rows], dtype=np.float64), axis=0)[1:]
        reached = (self._counts > self._seen) & (self._counts <= self._seen + len(rows))
        self._sums[reached] = sums[self._counts[reached] - self._seen - 1]
        self._seen, self._total = self._seen + len(rows), sums[-1].copy()

    def means(self) -> np.ndarray:
        """Float32 [16, D], after the last row; a row that an edge cuts counts on both sides by its share."""
        share = (self._edges - self._counts[0])[:, None]
        up_to = self._sums[0] * (1 - share) + self._sums[1] * share
        return (np.diff(up_to, axis=0) / np.diff(self._edges)[:, None]).astype(np.float32)


def time_bin_means(rows: np.ndarray, start: float = 0.0, stop: float = 1.0) -> np.ndarray:
    """Means of 16 equal time bins of the part [start, stop) of rows [N, D], which divide [0, 1) equally."""
    bins = TimeBins(len(rows), start, stop)
    bins.add(rows)
    return bins.means()
