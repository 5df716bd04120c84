"""A scale on which the scores of different heads can be averaged: the rank among validation scores.

Two heads may order videos alike and yet score them around 0.02 and 0.9; a mean of their scores would follow
the one that spreads them more. So scores become ranks (the share of validation scores that are below), ranks
are averaged, and the mean rank goes back to the score that has this rank, averaged over the heads in the same
way. Both steps are strictly increasing over [0, 1]: no head's own order changes, scores above all validation
scores stay apart, and the mean of a head with itself is this head.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

MOST_KNOTS = 1000


@dataclass(frozen=True)
class ScoreScale:
    """Scores and their ranks, both strictly increasing within [0, 1], straight lines between: float64 [N]."""

    score: np.ndarray
    rank: np.ndarray

    @classmethod
    def of(cls, scores: np.ndarray) -> ScoreScale:
        """The scale of validation scores, [N] in [0, 1]; equal ones share the middle of their ranks."""
        values, counts = np.unique(np.clip(scores, 0.0, 1.0), return_counts=True)
        ranks = (np.cumsum(counts) - counts / 2) / counts.sum()
        if len(values) > MOST_KNOTS:
            chosen = np.linspace(0, len(values) - 1, MOST_KNOTS).round().astype(int)
            values, ranks = values[chosen], ranks[chosen]
        if values[0] > 0:
            values, ranks = np.r_[0.0, values], np.r_[0.0, ranks]
        if values[-1] < 1:
            values, ranks = np.r_[values, 1.0], np.r_[ranks, 1.0]
        return cls(values, ranks)

    def ranks(self, scores: np.ndarray) -> np.ndarray:
        """Scores in [0, 1] -> ranks in [0, 1]."""
        return np.interp(scores, self.score, self.rank)

    def scores(self, ranks: np.ndarray) -> np.ndarray:
        """The inverse of ranks."""
        return np.interp(ranks, self.rank, self.score)


def blend(rows: Sequence[np.ndarray], scales: Sequence[ScoreScale], weights: Sequence[float]) -> np.ndarray:
    """The mean of the scores of M heads, each [N] in [0, 1]. weights: of the heads, adding up to 1.

    A weight of 1 gives the scores of that head as they are.
    """
    if (alone := only_one(weights)) is not None:
        return np.asarray(rows[alone])
    parts = list(zip(rows, scales, weights, strict=True))
    rank = np.sum([weight * scale.ranks(np.asarray(row)) for row, scale, weight in parts], axis=0)
    score = np.sum([weight * scale.scores(rank) for _, scale, weight in parts], axis=0)
    return score.clip(0.0, 1.0)


def only_one(weights: Sequence[float]) -> int | None:
    """The place of the only weight that is not 0; None if there are several."""
    places = [place for place, weight in enumerate(weights) if weight]
    return places[0] if len(places) == 1 else None
