"""Bootstrap confidence intervals over videos: videos are drawn with replacement, each with all its frames.

Frames of a video resemble each other, so an interval over frames would be far too narrow. Nothing is sorted
twice: each video is counted once on a grid of the scores that anomalous frames have, and a draw is a weighted
sum of these counts.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields

import numpy as np

from score.metrics import Ranked
from score.metrics.count_table import CountTable, count_table


@dataclass(frozen=True)
class Counts:
    """Frames of each of V videos on a grid of scores.

    positive: [K, V], anomalous frames with the k-th of K ascending scores. tied: [K, V], normal frames with
    exactly that score. below: [K, V], normal frames between the previous score and this one (both excluded).
    above: float64 [V], normal frames over the last score.
    """

    positive: CountTable
    tied: CountTable
    below: CountTable
    above: np.ndarray

    @classmethod
    def of(cls, labels: Sequence[np.ndarray], scores: Sequence[np.ndarray]) -> Counts:
        """labels, scores: one array [F] per video, 0 or 1 and finite. Raises ValueError."""
        ranked = [Ranked.of(frames, values) for frames, values in zip(labels, scores, strict=True)]
        video = np.repeat(np.arange(len(ranked)), [len(runs.label) for runs in ranked])
        label, score, frames = (
            np.concatenate([getattr(runs, name) for runs in ranked] or [np.zeros(0)])
            for name in ("label", "score", "frames")
        )
        # Only at the scores of anomalous frames can their ranking change.
        grid = np.unique(score[label == 1])
        place = np.searchsorted(grid, score)
        same = np.zeros(len(score), dtype=bool)
        inside = place < len(grid)
        same[inside] = grid[place[inside]] == score[inside]
        shape = (len(grid), len(ranked))

        def table(chosen: np.ndarray) -> CountTable:
            return count_table(frames[chosen], place[chosen], video[chosen], shape=shape)

        normal = label == 0
        above = np.bincount(video[normal & ~inside], weights=frames[normal & ~inside], minlength=len(ranked))
        return cls(table(label == 1), table(normal & same), table(normal & ~same & inside), above)


@dataclass(frozen=True)
class Draws:
    """Measures of R draws as in score.metrics.Curve, float64 [R] each; NaN where a draw holds one class only.

    precision_at_positives: R-precision, with as many frames as are anomalous in the draw.
    """

    auc: np.ndarray
    ap: np.ndarray
    ap_trapezoid: np.ndarray
    eer: np.ndarray
    precision_at_positives: np.ndarray


def draw_weights(num_videos: int, *, resamples: int, seed: int) -> np.ndarray:
    """How often each draw of num_videos with replacement holds each video: int64 [resamples, num_videos]."""
    picks = np.random.default_rng(seed).integers(0, max(num_videos, 1), size=(resamples, num_videos))
    # One bincount for all draws: each draw has its own range of numbers.
    flat = picks + num_videos * np.arange(resamples)[:, None]
    return np.bincount(flat.ravel(), minlength=resamples * num_videos).reshape(resamples, num_videos)


def draw_measures(counts: Counts, weights: np.ndarray) -> Draws:
    """Measures over the frames of all videos, each video counted as often as weights [R, V] say."""
    # One draw at a time stays in the processor's cache, many at once do not.
    drawn = np.full((len(fields(Draws)), len(weights)), np.nan)
    for place, weight in enumerate(weights.astype(np.float64)):
        drawn[:, place] = _draw(counts, weight)
    return Draws(*drawn)


def interval(values: np.ndarray, *, level: float = 0.95) -> tuple[float, float] | None:
    """Percentile interval of the defined draws; None if fewer than half are defined."""
    defined = values[np.isfinite(values)]
    if not len(defined) or 2 * len(defined) < len(values):
        return None
    low, high = np.quantile(defined, [(1 - level) / 2, (1 + level) / 2])
    return float(low), float(high)


def _draw(counts: Counts, weight: np.ndarray) -> tuple[float, ...]:  # weight [V]
    """Measures in the order of Draws. All arrays are [K], by ascending score."""
    positive = counts.positive @ weight
    tied = counts.tied @ weight
    through = np.cumsum(counts.below @ weight + tied)  # normal frames at this score or lower
    hits = np.cumsum(positive[::-1])[::-1]  # anomalous frames at this score or higher
    positives = float(hits[0]) if len(hits) else 0.0
    negatives = float((through[-1] if len(through) else 0.0) + counts.above @ weight)
    if not positives or not negatives:
        return (np.nan,) * len(fields(Draws))
    false_over = negatives - through  # normal frames over this score
    hits_over = hits - positive
    # Precision just before the frames of a score and with them; their mean is the trapezoid rule.
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
    """The dot product without BLAS, whose threads wait far longer than they add if a core is busy."""
    return float(np.einsum("i,i->", left, right))


def _equal_error_rate(
    hits_over: np.ndarray,
    false_over: np.ndarray,
    *,
    positive: np.ndarray,
    tied: np.ndarray,
    positives: float,
    negatives: float,
) -> float:
    """Where the ROC meets the line of equal errors, on straight lines through the frames of one score."""

    def excess(place: int) -> float:
        """(TPR + FPR - 1) * positives * negatives: a whole number, so its sign is exact."""
        return (hits_over[place] + positive[place] - positives) * negatives + (
            false_over[place] + tied[place]
        ) * positives

    # The line of equal errors crosses between the frames over this score and those that have it.
    place = _last(lambda place: excess(place) >= 0, len(positive))
    step = positive[place] * negatives + tied[place] * positives
    over = excess(place) - step
    if over >= 0:
        return 1 - hits_over[place] / positives
    return (false_over[place] - over / step * tied[place]) / negatives


def _precision_at(
    count: float, alarms: np.ndarray, alarms_over: np.ndarray, *, hits_over: np.ndarray, positive: np.ndarray
) -> float:
    """The share of anomalous frames among the `count` highest; a tie counts by its share."""
    place = _last(lambda place: alarms[place] >= count, len(alarms))
    rest = max(0.0, count - alarms_over[place])  # taken from the frames that have this score
    share = positive[place] / (alarms[place] - alarms_over[place]) if rest else 0.0
    return (hits_over[place] + rest * share) / count


def _last(holds: Callable[[int], bool], count: int) -> int:
    """The last of `count` places at which a condition holds, which holds up to there and no further."""
    return bisect_left(range(count), True, key=lambda place: not holds(place)) - 1
