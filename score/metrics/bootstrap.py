"""Bootstrap confidence intervals over videos: videos are drawn with replacement, each with all its frames.

Frames of a video resemble each other, so an interval over frames would be far too narrow. Nothing is sorted
twice: each video is counted once on a grid of the scores that anomalous frames have, and one walk down this
grid adds up the frames of all draws at once.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields
from itertools import pairwise

import numpy as np

from score.metrics import Ranked
from score.metrics.step_counts import StepCounts, exact_weights

DRAWS_AT_ONCE = 1024  # a row of them stays in the processor's nearest cache
ROWS_AT_ONCE = 256  # rows that are added up before they are used: as many as the next cache holds


@dataclass(frozen=True)
class Counts:
    """Frames of each of V videos at the K scores that anomalous frames have, from the highest one down.

    positive: anomalous frames, one step per score. normal: normal frames, two steps per score: between the
    score before and this one (both excluded), then with exactly this score. total: int64 [2, V], normal and
    anomalous frames, also those below all of these scores.
    """

    positive: StepCounts
    normal: StepCounts
    total: np.ndarray

    @classmethod
    def of(cls, labels: Sequence[np.ndarray], scores: Sequence[np.ndarray]) -> Counts:
        """labels, scores: one array [F] per video, 0 or 1 and finite. Raises ValueError."""
        runs, video = Ranked.of_videos(labels, scores)
        is_positive = runs.label == 1
        # Only at the scores of anomalous frames can their ranking change.
        grid = np.unique(runs.score[is_positive])  # ascending
        place = np.searchsorted(grid, runs.score, side="right")
        step = len(grid) - place  # of this score or, if no anomalous frame has it, of the next lower one
        tied = place > 0
        tied[tied] = grid[place[tied] - 1] == runs.score[tied]
        inside = ~is_positive & (step < len(grid))
        total = [
            np.bincount(video[chosen], weights=runs.frames[chosen], minlength=len(labels))
            for chosen in (~is_positive, is_positive)
        ]

        def counted(step: np.ndarray, chosen: np.ndarray, steps: int) -> StepCounts:
            return StepCounts.of(step[chosen], video[chosen], runs.frames[chosen], steps=steps)

        return cls(
            counted(step, is_positive, len(grid)),
            counted(2 * step + tied, inside, 2 * len(grid)),
            np.array(total, dtype=np.int64),
        )

    def among(self, chosen: np.ndarray) -> Counts:
        """Of the chosen videos only. chosen: bool [V]."""
        place = np.where(chosen, np.cumsum(chosen) - 1, -1)
        return Counts(self.positive.among(place), self.normal.among(place), self.total[:, chosen])

    def blocks(self) -> Iterator[tuple[int, int]]:
        """[first, last) scores of blocks of about ROWS_AT_ONCE counts each."""
        rows = self.positive.stop + self.normal.stop[1::2]
        last = np.flatnonzero(np.diff(rows // ROWS_AT_ONCE, append=-1)) + 1
        return pairwise([0, *last.tolist()])


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
    """Measures over the frames of all videos, each video counted as often as weights [R, V] say.

    weights: whole numbers, of any type.
    """
    drawn = np.full((len(fields(Draws)), len(weights)), np.nan)
    total = (counts.total @ weights.T).astype(np.float64)  # [2, R]
    defined = np.flatnonzero(total.all(axis=0))
    largest = total.sum(axis=0).max(initial=0)
    for start in range(0, len(defined), DRAWS_AT_ONCE):
        chosen = defined[start : start + DRAWS_AT_ONCE]
        drawn[:, chosen] = _walk(counts, exact_weights(weights[chosen], largest), *total[:, chosen])
    return Draws(*drawn)


def interval(values: np.ndarray, *, level: float = 0.95) -> tuple[float, float] | None:
    """Percentile interval of the defined draws; None if fewer than half are defined."""
    defined = values[np.isfinite(values)]
    if not len(defined) or 2 * len(defined) < len(values):
        return None
    low, high = np.quantile(defined, [(1 - level) / 2, (1 + level) / 2])
    return float(low), float(high)


@dataclass(frozen=True)
class _Block:
    """Frames of r draws at each of k descending scores, float64 [k, r].

    hits, false: anomalous and normal frames of this score or higher. hits_over, false_over: of a higher one.
    """

    hits: np.ndarray
    false: np.ndarray
    hits_over: np.ndarray
    false_over: np.ndarray

    def at(self, place: np.ndarray, draws: np.ndarray) -> tuple[np.ndarray, ...]:
        """The four counts of some draws, each at its own place."""
        return tuple(getattr(self, each.name)[place, draws] for each in fields(self))


def _walk(
    counts: Counts, weights: np.ndarray, negatives: np.ndarray, positives: np.ndarray
) -> tuple[np.ndarray, ...]:
    """Measures in the order of Draws. weights: [V, r]. negatives, positives: float64 [r], above 0."""
    lost, area, area_over, hits_before, false_before = np.zeros((5, len(positives)))
    rate, precision = np.full((2, len(positives)), np.nan)
    for first, last in counts.blocks():
        hits = counts.positive.sums(weights, hits_before, first=first, last=last)  # [1 + k, r]
        false = counts.normal.sums(weights, false_before, first=2 * first, last=2 * last)  # [1 + 2k, r]
        hits_before, false_before = hits[-1], false[-1]
        block = _Block(hits[1:], false[2::2], hits[:-1], false[1::2])
        for total, added in zip((lost, area, area_over), _areas(block), strict=True):
            total += added
        # Both lie where a count that only grows reaches a limit, in one block of each draw.
        excess = (hits_before - positives) * negatives + false_before * positives
        if len(draws := np.flatnonzero((excess >= 0) & np.isnan(rate))):
            rate[draws] = _equal_error_rate(block, draws, negatives[draws], positives[draws])
        alarms = hits_before + false_before
        if len(draws := np.flatnonzero((alarms >= positives) & np.isnan(precision))):
            precision[draws] = _precision_at(block, draws, positives[draws])
    pairs = positives * negatives
    ap = area / positives
    return (pairs - lost) / pairs, ap, (ap + area_over / positives) / 2, rate, precision


def _areas(block: _Block) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """What a block adds to three sums of each draw, [r] each.

    Pairs that are ranked wrongly; the precision at every anomalous frame with the frames of its score; and
    just before them. The mean of the last two is the trapezoid rule.
    """
    positive = block.hits - block.hits_over
    alarms, alarms_over = block.hits + block.false, block.hits_over + block.false_over
    hits_over = block.hits_over
    if not alarms_over[0].all():  # nothing scores higher in some draws: precision 1 before their first frames
        hits_over = np.where(alarms_over > 0, hits_over, 1.0)
        alarms, alarms_over = np.maximum(alarms, 1.0), np.maximum(alarms_over, 1.0)
    return (
        _dots(positive, block.false + block.false_over) / 2,
        _dots(positive, block.hits / alarms),
        _dots(positive, hits_over / alarms_over),
    )


def _dots(left: np.ndarray, right: np.ndarray) -> np.ndarray:
    """The dot product of each column: [k, r] -> [r]."""
    return np.einsum("kr,kr->r", left, right)


def _equal_error_rate(
    block: _Block, draws: np.ndarray, negatives: np.ndarray, positives: np.ndarray
) -> np.ndarray:
    """Where the ROC meets the line of equal errors, on straight lines through the frames of one score.

    draws: which ones meet it in the block. negatives, positives: of these draws.
    """
    # (TPR + FPR - 1) * positives * negatives: a whole number, so its sign is exact.
    excess = (block.hits[:, draws] - positives) * negatives + block.false[:, draws] * positives
    # The line of equal errors crosses between the frames over this score and those that have it.
    place = np.argmax(excess >= 0, axis=0)
    hits, false, hits_over, false_over = block.at(place, draws)
    step = (hits - hits_over) * negatives + (false - false_over) * positives
    over = excess[place, np.arange(len(draws))] - step
    part = np.divide(over, step, out=np.zeros_like(over), where=over < 0)
    return np.where(
        over < 0, (false_over - part * (false - false_over)) / negatives, 1 - hits_over / positives
    )


def _precision_at(block: _Block, draws: np.ndarray, count: np.ndarray) -> np.ndarray:
    """The share of anomalous frames among the `count` highest; a tie counts by its share.

    draws: which ones reach that count in the block.
    """
    place = np.argmax(block.hits[:, draws] + block.false[:, draws] >= count, axis=0)
    hits, false, hits_over, false_over = block.at(place, draws)
    alarms, alarms_over = hits + false, hits_over + false_over
    rest = np.maximum(0.0, count - alarms_over)  # taken from the frames that have this score
    share = np.divide(hits - hits_over, alarms - alarms_over, out=np.zeros_like(rest), where=rest > 0)
    return (hits_over + rest * share) / count
