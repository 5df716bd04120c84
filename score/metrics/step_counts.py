"""What each video adds in steps down the scores, and its running sums over all draws of videos at once."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np

MOST_EXACT = 1 << 24  # up to which float32 holds every whole number


@dataclass(frozen=True)
class StepCounts:
    """E counts, such as frames, each of one video in one of S steps; those that are 0 are left out.

    video, count: int64 [E], by step. stop: int64 [S], how many of them there are up to and with a step.
    """

    video: np.ndarray
    count: np.ndarray
    stop: np.ndarray

    @classmethod
    def of(cls, step: np.ndarray, video: np.ndarray, count: np.ndarray, *, steps: int) -> StepCounts:
        """step, video, count: int64 [N] each, in any order; counts of one step and video add up."""
        order = np.lexsort((video, step))
        step, video, count = step[order], video[order], count[order]
        first = np.flatnonzero(np.r_[True, (step[1:] != step[:-1]) | (video[1:] != video[:-1])][: len(step)])
        count = np.add.reduceat(count, first) if len(first) else count
        return cls(video[first], count, np.cumsum(np.bincount(step[first], minlength=steps)))

    def among(self, place: np.ndarray) -> StepCounts:
        """Those of some videos. place: int64 [V], the number of each video among these, -1 for the others."""
        kept = place[self.video] >= 0
        stop = np.r_[0, np.cumsum(kept)][self.stop]
        return StepCounts(place[self.video[kept]], self.count[kept], stop)

    def sums(
        self,
        weights: np.ndarray,
        before: np.ndarray | float = 0.0,
        *,
        first: int = 0,
        last: int | None = None,
    ) -> np.ndarray:
        """Sums up to and with each of the steps first - 1 to last - 1: float64 [last - first + 1, R].

        weights: [V, R], of `exact_weights`: how often a video counts. before: the sums up to step first - 1,
        [R]. last: S if None.
        """
        stop = self.stop[first:last]
        start, end = self.stop[first - 1] if first else 0, stop[-1] if len(stop) else 0
        rows = np.empty((1 + end - start, weights.shape[1]), weights.dtype)
        rows[0] = before
        np.take(weights, self.video[start:end], axis=0, out=rows[1:], mode="clip")
        rows[1:] *= self.count[start:end, None].astype(weights.dtype)
        # Row by row, because np.cumsum goes down one column after another, four times as slowly.
        for above, row in pairwise(rows):
            np.add(above, row, row)
        return rows.take(np.append(0, stop - start), axis=0).astype(np.float64)


def exact_weights(weights: np.ndarray, largest: float) -> np.ndarray:
    """Whole weights [R, V] by video, [V, R], of a type in which sums up to `largest` are exact."""
    kind = np.float32 if largest < MOST_EXACT else np.float64
    return np.ascontiguousarray(weights.T, dtype=kind)
