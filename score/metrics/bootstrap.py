"""Confidence intervals over videos: the videos are drawn again, all frames of one together.

Frames of a video resemble each other, so an interval over frames would be far too narrow. Nothing is
sorted twice: each video is counted once on a grid of the scores that anomalous frames have; a draw is then
a weighted sum of counts.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields

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
    """Measures of R draws as in score.metrics.Curve, NaN where a draw holds one class only: float64 [R] each.

    precision_at_positives: of as many frames as are anomalous in the draw.
    """

    auc: np.ndarray
    ap: np.ndarray
    ap_trapezoid: np.ndarray
    eer: np.ndarray
    precision_at_positives: np.ndarray


def draw_weights(num_videos: int, *, resamples: int, seed: int) -> np.ndarray:
    """How often each video is in each draw of num_videos with replacement: int64 [resamples, num_videos]."""
    picks = np.random.default_rng(seed).integers(0, max(num_videos, 1), size=(resamples, num_videos))
    flat = picks + num_videos * np.arange(resamples)[:, None]
    return np.bincount(flat.ravel(), minlength=resamples * num_videos).reshape(resamples, num_videos)


def draw_measures(counts: Counts, weights: np.ndarray) -> Draws:
    """Measures of the frames of all videos, each video as often as its weight says. weights: [R, V].

    One draw after another: its arrays stay in the cache, which many draws at once would not.
    """
    drawn = np.full((len(fields(Draws)), len(weights)), np.nan)
    for place, weight in enumerate(weights.astype(np.float64)):
        drawn[:, place] = _draw(counts, weight)
    return Draws(*drawn)


def interval(values: np.ndarray, *, level: float = 0.95) -> tuple[float, float] | None:
    """Percentile interval of the draws that are defined; None when fewer than half of them are."""
    defined = values[np.isfinite(values)]
    if not len(defined) or 2 * len(defined) < len(values):
        return None
    low, high = np.quantile(defined, [(1 - level) / 2, (1 + level) / 2])
    return float(low), float(high)


def _draw(counts: Counts, weight: np.ndarray) -> tuple[float, ...]:  # weight [V]
    """In the order of Draws. All arrays [K], in the order of ascending scores."""
    positive = counts.positive @ weight
    tied = counts.tied @ weight
    through = np.cumsum(counts.below @ weight + tied)  # normal frames at this score or lower
    hits = np.cumsum(positive[::-1])[::-1]  # anomalous frames at this score or higher
    positives = hits[0] if len(hits) else 0.0
    negatives = (through[-1] if len(through) else 0.0) + counts.above @ weight
    if not positives or not negatives:
        return (np.nan,) * len(fields(Draws))
    false_over = negatives - through  # normal frames over this score
    hits_over = hits - positive
    alarms, alarms_over = hits + false_over + tied, hits_over + false_over
    precision = np.divide(hits, alarms, out=np.zeros_like(hits), where=alarms > 0)
    precision_over = np.divide(hits_over, alarms_over, out=np.ones_like(hits), where=alarms_over > 0)
    ap = _dot(positive, precision) / positives
    return (
        _dot(positive, through - tied / 2) / (positives * negatives),
        ap,
        (ap + _dot(positive, precision_over) / positives) / 2,
        _equal_error_rate(
            hits_over, false_over, positive=positive, tied=tied, positives=positives, negatives=negatives
        ),
        _precision_at(positives, alarms, alarms_over, hits_over=hits_over, positive=positive),
    )


def _dot(left: np.ndarray, right: np.ndarray) -> float:
    """Without BLAS, whose threads wait for each other a hundred times as long as they add where a core is busy."""
    return np.einsum("i,i->", left, right)


def _equal_error_rate(
    hits_over: np.ndarray,
    false_over: np.ndarray,
    *,
    positive: np.ndarray,
    tied: np.ndarray,
    positives: float,
    negatives: float,
) -> float:
    """Where the ROC meets the line of equal errors: right through the normal frames over a score, then
    straight through those that have it."""

    def excess(place: int) -> float:
        """True and false positive rate less 1, times positives * negatives: whole, so its sign is exact."""
        return (hits_over[place] + positive[place] - positives) * negatives + (
            false_over[place] + tied[place]
        ) * positives

    place = _last(lambda place: excess(place) >= 0, len(positive))
    step = positive[place] * negatives + tied[place] * positives
    over = excess(place) - step
    if over >= 0:
        return 1 - hits_over[place] / positives
    return (false_over[place] - over / step * tied[place]) / negatives


def _precision_at(
    count: float, alarms: np.ndarray, alarms_over: np.ndarray, *, hits_over: np.ndarray, positive: np.ndarray
) -> float:
    """The share of anomalous frames among the `count` highest, a tie shared out."""
    place = _last(lambda place: alarms[place] >= count, len(alarms))
    rest = max(0.0, count - alarms_over[place])  # taken from the frames that have this score
    share = positive[place] / (alarms[place] - alarms_over[place]) if rest else 0.0
    return (hits_over[place] + rest * share) / count


def _last(holds: Callable[[int], bool], count: int) -> int:
    """The last place at which something holds that holds at the first ones of `count` places and then no more."""
    return bisect_left(range(count), True, key=lambda place: not holds(place)) - 1
