"""Ranking measures of labels and scores: AUC, average precision, equal error rate and precision at K.

A number that the data do not define (one class only, nothing at all) is None with a reason, never 0, 0.5 or
1. All measures come from one sort: counts at every distinct score.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Measure:
    """A number in [0, 1], or None and the reason why there is none."""

    value: float | None
    reason: str = ""


@dataclass(frozen=True)
class Ranked:
    """Runs of frames with equal label and score.

    label: uint8 [R]. score: float64 [R]. frames: int64 [R], how many frames a run stands for. Segments give
    16 equal frames in a row, so runs are about 16 times fewer than frames, and exact.
    """

    label: np.ndarray
    score: np.ndarray
    frames: np.ndarray

    @classmethod
    def of(cls, labels: np.ndarray, scores: np.ndarray) -> Ranked:
        """labels: 0 or 1, [F]; scores: finite, [F]. Raises ValueError for anything else."""
        labels, scores = np.asarray(labels), np.asarray(scores, dtype=np.float64)
        if labels.ndim != 1 or labels.shape != scores.shape:
            raise ValueError(
                f"labels have shape {list(labels.shape)}, scores {list(scores.shape)}; expected the same [F]"
            )
        if not np.isfinite(scores).all():
            raise ValueError(
                f"{np.count_nonzero(~np.isfinite(scores))} of {len(scores)} scores are NaN or infinite"
            )
        if ((labels != 0) & (labels != 1)).any():
            raise ValueError("labels must be 0 or 1")
        # A run begins where score or label changes.
        starts = np.flatnonzero(
            np.r_[True, (scores[1:] != scores[:-1]) | (labels[1:] != labels[:-1])][: len(scores)]
        )
        frames = np.diff(np.r_[starts, len(scores)]).astype(np.int64)
        return cls(label=labels[starts].astype(np.uint8), score=scores[starts], frames=frames)

    def joined(self, other: Ranked) -> Ranked:
        """The runs of both."""
        return Ranked(
            np.r_[self.label, other.label], np.r_[self.score, other.score], np.r_[self.frames, other.frames]
        )

    @property
    def one_class(self) -> str:
        """Why no ranking measure is defined; empty if both classes are present."""
        if not len(self.label):
            return "there is nothing to rank"
        if self.label.all():
            return "every label is 1: nothing normal to rank against"
        if not self.label.any():
            return "every label is 0: nothing anomalous to rank"
        return ""


@dataclass(frozen=True)
class Curve:
    """Counts at each of K distinct scores, the highest first.

    score: float64 [K]. hits: int64 [K], anomalous frames of this score or higher. alarms: int64 [K], all
    frames of this score or higher. reason: why there is no ranking; empty if both classes are present.
    """

    score: np.ndarray
    hits: np.ndarray
    alarms: np.ndarray
    reason: str = ""

    @classmethod
    def of(cls, labels: np.ndarray, scores: np.ndarray) -> Curve:
        """labels: 0 or 1, [F]; scores: finite, [F]. Raises ValueError for anything else."""
        return cls.of_runs(Ranked.of(labels, scores))

    @classmethod
    def of_runs(cls, ranked: Ranked) -> Curve:
        """Of frames that were counted already."""
        # A stable sort is fast where parts are sorted already.
        order = np.argsort(-ranked.score, kind="stable")
        score, frames = ranked.score[order], ranked.frames[order]
        last = np.flatnonzero(np.r_[score[1:] != score[:-1], True][: len(score)])
        hits = np.cumsum(np.where(ranked.label[order] == 1, frames, 0))
        return cls(score[last], hits[last], np.cumsum(frames)[last], ranked.one_class)

    @property
    def positives(self) -> int:
        return int(self.hits[-1]) if len(self.hits) else 0

    @property
    def negatives(self) -> int:
        return (int(self.alarms[-1]) if len(self.alarms) else 0) - self.positives

    @property
    def precision(self) -> np.ndarray:
        return self.hits / self.alarms

    @property
    def recall(self) -> np.ndarray:
        return self.hits / self.positives

    @property
    def f1(self) -> np.ndarray:
        return 2 * self.hits / (self.alarms + self.positives)

    def auc(self) -> Measure:
        """Pairwise ranking accuracy: the share of (anomalous, normal) pairs ranked correctly.

        Ties count half.
        """
        if self.reason:
            return Measure(None, self.reason)
        false = self.alarms - self.hits
        tied = np.diff(false, prepend=0)
        # Twice the pairs keeps ties whole numbers, so the result is exact up to the one division.
        won_twice = np.diff(self.hits, prepend=0) * (2 * (self.negatives - false) + tied)
        return Measure(int(won_twice.sum()) / (2 * self.positives * self.negatives))

    def average_precision(self) -> Measure:
        """Step-wise area under the precision-recall curve."""
        if self.reason:
            return Measure(None, self.reason)
        return Measure(float((np.diff(self.hits, prepend=0) * self.precision).sum() / self.positives))

    def average_precision_trapezoid(self) -> Measure:
        """Area by the trapezoid rule from precision 1 at recall 0, as in XD-Violence papers; optimistic."""
        if self.reason:
            return Measure(None, self.reason)
        precision = np.r_[1.0, self.precision]
        steps = np.diff(self.hits, prepend=0)
        return Measure(float((steps * (precision[1:] + precision[:-1])).sum() / (2 * self.positives)))

    def equal_error_rate(self) -> Measure:
        """The false positive rate where it equals the false negative rate, on lines between thresholds."""
        if self.reason:
            return Measure(None, self.reason)
        false_rate, true_rate = self.roc()
        excess = false_rate + true_rate - 1  # rises from -1 to 1
        place = int(np.argmax(excess >= 0))
        part = -excess[place - 1] / (excess[place] - excess[place - 1])
        return Measure(float(false_rate[place - 1] + part * (false_rate[place] - false_rate[place - 1])))

    def precision_at(self, count: int) -> Measure:
        """Precision of the `count` highest scores; a tie at the cut counts by its share."""
        total = self.positives + self.negatives
        if not 0 < count <= total:
            return Measure(None, f"there are {total} scores, no {count} highest ones")
        place = int(np.searchsorted(self.alarms, count))
        # The counts before and after the tie at the cut.
        hits, alarms = (np.r_[0, values][place : place + 2] for values in (self.hits, self.alarms))
        tie = (hits[1] - hits[0]) / (alarms[1] - alarms[0])
        return Measure(float((hits[0] + (count - alarms[0]) * tie) / count))

    def roc(self) -> tuple[np.ndarray, np.ndarray]:
        """False and true positive rates, from (0, 0) to (1, 1)."""
        false = (self.alarms - self.hits) / self.negatives
        return np.r_[0.0, false], np.r_[0.0, self.hits / self.positives]

    def best_f1(self) -> tuple[float, float]:
        """The threshold with the best F1, and that F1; on a tie the highest threshold.

        It lies halfway to the next lower score, so that scores that differ in their last bits fall on the
        same side.
        """
        place = int(np.argmax(self.f1))
        score = float(self.score[place])
        middle = score if place + 1 == len(self.score) else (score + float(self.score[place + 1])) / 2
        below = place + 1 < len(self.score) and middle <= self.score[place + 1]
        return (score if below else middle), float(self.f1[place])


def roc_auc(labels: np.ndarray, scores: np.ndarray) -> Measure:
    """Pairwise ranking accuracy: the share of (anomalous, normal) pairs ranked correctly; ties count half."""
    return Curve.of(labels, scores).auc()


def average_precision(labels: np.ndarray, scores: np.ndarray) -> Measure:
    """Step-wise area under the precision-recall curve."""
    return Curve.of(labels, scores).average_precision()


def average_precision_trapezoid(labels: np.ndarray, scores: np.ndarray) -> Measure:
    """Area by the trapezoid rule, slightly optimistic, as in XD-Violence papers."""
    return Curve.of(labels, scores).average_precision_trapezoid()


def equal_error_rate(labels: np.ndarray, scores: np.ndarray) -> Measure:
    """The false positive rate where it equals the false negative rate."""
    return Curve.of(labels, scores).equal_error_rate()


def precision_at(labels: np.ndarray, scores: np.ndarray, count: int) -> Measure:
    """Precision of the `count` highest scores; a tie at the cut counts by its share."""
    return Curve.of(labels, scores).precision_at(count)


def roc_points(labels: np.ndarray, scores: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """False and true positive rates of the ROC curve. Raises ValueError for one class only."""
    curve = Curve.of(labels, scores)
    if curve.reason:
        raise ValueError(curve.reason)
    return curve.roc()
