"""Measures that are a sum over videos divided by a sum over videos: rates at a threshold, means over videos.

Their bootstrap intervals over videos need no more than these two numbers per video.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from score.metrics.ranking import Measure

# The convention of the field: a frame of a normal video that scores this much is a false alarm.
FALSE_ALARM_THRESHOLD = 0.5
OUTSIDE = "scores leave [0, 1], so the threshold {} means nothing"


@dataclass(frozen=True)
class Ratio:
    """above / below, each summed over V videos: float64 [V].

    reason: why there is no number if below is 0.
    """

    above: np.ndarray
    below: np.ndarray
    reason: str = ""

    def measure(self) -> Measure:
        """The number over all videos."""
        below = float(np.sum(self.below))
        if not below:
            return Measure(None, self.reason)
        return Measure(float(np.sum(self.above)) / below)

    def draws(self, weights: np.ndarray) -> np.ndarray:
        """The number with each video counted as often as weights [R, V] say: float64 [R], else NaN."""
        above, below = weights @ self.above, weights @ self.below
        return np.divide(above, below, out=np.full(len(weights), np.nan), where=below > 0)


def undefined(reason: str, count: int) -> Ratio:
    """A ratio over `count` videos that has no number."""
    return Ratio(np.zeros(count), np.zeros(count), reason)


def false_alarms(
    scores: Sequence[np.ndarray], anomalous: np.ndarray, *, threshold: float, assumed: bool = True
) -> Ratio:
    """False positive rate over the frames of normal videos; needs no frame truth.

    assumed: nobody chose the threshold for these scores, so it means something in [0, 1] only.
    """
    if assumed and leave_unit(scores):
        return undefined(OUTSIDE.format(threshold), len(scores))
    above = [
        0 if flag else np.count_nonzero(values >= threshold)
        for values, flag in zip(scores, anomalous, strict=True)
    ]
    below = [0 if flag else len(values) for values, flag in zip(scores, anomalous, strict=True)]
    return Ratio(np.array(above, dtype=float), np.array(below, dtype=float), "there is no normal video")


def false_alarm_rate(scores: Sequence[np.ndarray], anomalous: np.ndarray) -> Measure:
    """False positive rate at FALSE_ALARM_THRESHOLD over the frames of normal videos."""
    return false_alarms(scores, anomalous, threshold=FALSE_ALARM_THRESHOLD).measure()


def leave_unit(scores: Sequence[np.ndarray]) -> bool:
    """Whether some score is below 0 or above 1."""
    return any(len(values) and (values.min() < 0 or values.max() > 1) for values in scores)


def decisions(labels: Sequence[np.ndarray], scores: Sequence[np.ndarray], threshold: float) -> np.ndarray:
    """True positives, false positives, false negatives and true negatives per video, int64 [V, 4]."""
    counts = np.zeros((len(labels), 4), dtype=np.int64)
    for row, frames, values in zip(counts, labels, scores, strict=True):
        alarm = values >= threshold
        hits, alarms, positives = (
            np.count_nonzero(alarm & (frames == 1)),
            np.count_nonzero(alarm),
            int(frames.sum()),
        )
        row[:] = hits, alarms - hits, positives - hits, len(frames) - alarms - positives + hits
    return counts


def decision_ratios(counts: np.ndarray) -> dict[str, Ratio]:
    """precision, recall, f1 and accuracy. counts: of `decisions`, [V, 4]."""
    hits, false, misses, rest = counts.T.astype(float)
    return {
        "precision": Ratio(hits, hits + false, "nothing scores as much as the threshold"),
        "recall": Ratio(hits, hits + misses, "nothing is anomalous"),
        "f1": Ratio(2 * hits, 2 * hits + false + misses, "nothing is anomalous or alarmed"),
        "accuracy": Ratio(hits + rest, hits + false + misses + rest, "there is nothing to decide"),
    }


def temporal_iou(counts: np.ndarray, anomalous: np.ndarray) -> Ratio:
    """Temporal IoU of alarms and annotated frames, mean over anomalous videos.

    counts: of `decisions`, [V, 4].
    """
    hits, false, misses, _ = counts.T.astype(float)
    either = hits + false + misses
    used = np.asarray(anomalous, dtype=bool) & (either > 0)
    each = np.divide(hits, either, out=np.zeros(len(hits)), where=used)
    return Ratio(each, used.astype(float), "there is no anomalous video")


def mean_ratio(values: Sequence[float | None], reason: str) -> Ratio:
    """The mean over the videos that have a number; reason: used if none has."""
    defined = np.array([value is not None for value in values], dtype=float)
    return Ratio(np.array([value or 0.0 for value in values], dtype=float), defined, reason)
