"""Confidence intervals over videos: the videos are drawn again, all frames of one together.

Frames of a video resemble each other, so an interval over frames would be far too narrow. Nothing is
sorted twice: each video is counted once on a grid of the scores that anomalous frames have; a draw is then
a weighted sum of counts.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.sparse import csr_matrix

from score.metrics import Ranked


@dataclass(frozen=True)
class Counts:
    """Frames of each of V videos on a grid of scores.

    positive: sparse [K, V], anomalous frames with the k-th of K ascending scores. tied: sparse [K, V],
    normal frames with exactly that score. below: sparse [K, V], normal frames between the score before it
    and it (both excluded). above: float64 [V], normal frames over the last score.
    """

    positive: csr_matrix
    tied: csr_matrix
    below: csr_matrix
    above: np.ndarray

    @classmethod
    def of(cls, labels: Sequence[np.ndarray], scores: Sequence[np.ndarray]) -> Counts:
        """labels, scores: one array [frames of the video] a video; 0 or 1, and finite. Raises ValueError."""
        ranked = [Ranked.of(frames, values) for frames, values in zip(labels, scores, strict=True)]
        video = np.repeat(np.arange(len(ranked)), [len(runs.label) for runs in ranked])
        label, score, frames = (
            np.concatenate([getattr(runs, name) for runs in ranked] or [np.zeros(0)])
            for name in ("label", "score", "frames")
        )
        grid = np.unique(score[label == 1])  # ascending: only here can the ranking of anomalous frames change
        place = np.searchsorted(grid, score)
        same = np.zeros(len(score), dtype=bool)
        inside = place < len(grid)
        same[inside] = grid[place[inside]] == score[inside]
        shape = (len(grid), len(ranked))

        def table(chosen: np.ndarray) -> csr_matrix:
            return csr_matrix(
                (frames[chosen].astype(np.float64), (place[chosen], video[chosen])), shape=shape
            )

        normal = label == 0
        above = np.bincount(video[normal & ~inside], weights=frames[normal & ~inside], minlength=len(ranked))
        return cls(table(label == 1), table(normal & same), table(normal & ~same & inside), above)


@dataclass(frozen=True)
class Draws:
    """Measures of R draws, NaN where a draw holds one class only: auc float64 [R], ap float64 [R]."""

    auc: np.ndarray
    ap: np.ndarray


def draw_weights(num_videos: int, *, resamples: int, seed: int) -> np.ndarray:
    """How often each video is in each draw of num_videos with replacement: int64 [resamples, num_videos]."""
    picks = np.random.default_rng(seed).integers(0, max(num_videos, 1), size=(resamples, num_videos))
    flat = picks + num_videos * np.arange(resamples)[:, None]
    return np.bincount(flat.ravel(), minlength=resamples * num_videos).reshape(resamples, num_videos)


def draw_measures(counts: Counts, weights: np.ndarray) -> Draws:
    """AUC and AP of the frames of all videos, each video as often as its weight says. weights: [R, V].

    One draw after another: its arrays stay in the cache, which many draws at once would not.
    """
    auc, ap = np.full((2, len(weights)), np.nan)
    for place, weight in enumerate(weights.astype(np.float64)):
        auc[place], ap[place] = _draw(counts, weight)
    return Draws(auc, ap)


def interval(values: np.ndarray, *, level: float = 0.95) -> tuple[float, float] | None:
    """Percentile interval of the draws that are defined; None when fewer than half of them are."""
    defined = values[np.isfinite(values)]
    if not len(defined) or 2 * len(defined) < len(values):
        return None
    low, high = np.quantile(defined, [(1 - level) / 2, (1 + level) / 2])
    return float(low), float(high)


def _draw(counts: Counts, weight: np.ndarray) -> tuple[float, float]:  # weight [V]
    positive = counts.positive @ weight  # [K]
    tied = counts.tied @ weight
    through = np.cumsum(counts.below @ weight + tied)  # normal frames at this score or lower
    hits = np.cumsum(positive[::-1])[::-1]  # anomalous frames at this score or higher
    positives = hits[0] if len(hits) else 0.0
    negatives = (through[-1] if len(through) else 0.0) + counts.above @ weight
    if not positives or not negatives:
        return np.nan, np.nan
    auc = positive @ (through - tied / 2) / (positives * negatives)
    alarms = hits + (negatives - through + tied)  # all frames at this score or higher
    precision = np.divide(hits, alarms, out=np.zeros_like(hits), where=alarms > 0)
    return auc, positive @ precision / positives
