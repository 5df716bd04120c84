"""A video as the means of 16 equal stretches of its time, from rows that come part by part."""

from __future__ import annotations

import numpy as np

STRETCHES = 16


class Stretches:
    """Takes the rows [n, D] of a video in order and gives the mean of each stretch.

    num_rows: of the whole video. start, stop: what part of it the stretches cover, in [0, 1].
    """

    def __init__(self, num_rows: int, start: float = 0.0, stop: float = 1.0):
        self._edges = np.clip(np.linspace(start, stop, STRETCHES + 1), 0, 1) * num_rows
        whole = np.floor(self._edges).astype(int)
        self._places = np.stack(
            [whole, np.minimum(whole + 1, num_rows)]
        )  # rows that lie before an edge, and to behind it
        self._sums = np.zeros((0, 0, 0))  # of so many rows, [2, 17, D]
        self._count, self._total = 0, np.zeros(0)

    def add(self, rows: np.ndarray) -> None:
        """The next rows, float32 [n, D]."""
        if not self._count:
            self._sums = np.zeros((*self._places.shape, rows.shape[1]))
            sums = np.cumsum(rows, axis=0, dtype=np.float64)
        else:  # the sum so far as a row of its own: so parts add up in the order of the whole
            sums = np.cumsum(np.concatenate([self._total[None], rows], dtype=np.float64), axis=0)[1:]
        reached = (self._places > self._count) & (self._places <= self._count + len(rows))
        self._sums[reached] = sums[self._places[reached] - self._count - 1]
        self._count, self._total = self._count + len(rows), sums[-1].copy()

    def means(self) -> np.ndarray:
        """Float32 [16, D], once all rows were added; a row that an edge cuts counts on both sides by its share."""
        rest = (self._edges - self._places[0])[:, None]
        up_to = self._sums[0] * (1 - rest) + self._sums[1] * rest
        return (np.diff(up_to, axis=0) / np.diff(self._edges)[:, None]).astype(np.float32)


def stretch(rows: np.ndarray, start: float = 0.0, stop: float = 1.0) -> np.ndarray:
    """Means of 16 equal stretches of [start, stop) of the rows [N, D], which lie side by side in [0, 1)."""
    stretches = Stretches(len(rows), start, stop)
    stretches.add(rows)
    return stretches.means()
