"""Ranking measures of labels and scores: AUC, average precision, equal error rate and precision at K.

A number that the data do not define (one class only, nothing at all) is None with a reason, never 0, 0.5 or
1. All measures come from one sort: counts at every distinct score.
"""

from __future__ import annotations

from collections.abc import Sequence
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
        return cls.of_videos([labels], [scores])[0]

    @classmethod
    def of_videos(
        cls, labels: Sequence[np.ndarray], scores: Sequence[np.ndarray]
    ) -> tuple[Ranked, np.ndarray]:
        """(runs that do not reach from one video into the next, the video of each: int64 [R]).

        labels, scores: one array [F] per video, as for `of`. Raises ValueError.
        """
        for frames, values in zip(labels, scores, strict=True):
            if len(np.shape(frames)) != 1 or np.shape(frames) != np.shape(values):
                raise ValueError(
                    f"labels have shape {list(np.shape(frames))}, scores {list(np.shape(values))}; "
                    "expected the same [F]"
                )
        label = np.concatenate([*labels, np.zeros(0, np.uint8)])
        score = np.concatenate([*scores, np.zeros(0)]).astype(np.float64, copy=False)
        if not np.isfinite(score).all():
            raise ValueError(
                f"{np.count_nonzero(~np.isfinite(score))} of {len(score)} scores are NaN or infinite"
            )
        if ((label != 0) & (label != 1)).any():
            raise ValueError("labels must be 0 or 1")
        # A run begins where score or label changes, and where a video begins.
        begins = np.r_[True, (score[1:] != score[:-1]) | (label[1:] != label[:-1])][: len(score)]
        stops = np.cumsum([len(frames) for frames in labels], dtype=np.int64)
        begins[stops[stops < len(score)]] = True
        starts = np.flatnonzero(begins)
        frames = np.diff(starts, append=len(score))
        runs = np.diff(np.searchsorted(starts, stops), prepend=0)
        ranked = cls(label[starts].astype(np.uint8), score[starts], frames)
        return ranked, np.repeat(np.arange(len(labels)), runs)

    def only(self, chosen: np.ndarray) -> Ranked:
        """The chosen runs. chosen: bool [R]."""
        return Ranked(self.label[chosen], self.score[chosen], self.frames[chosen])

    def sorted(self) -> Ranked:
        """The runs with the highest scores first; among equal scores in their order."""
        # A stable sort is fast where parts are sorted already.
        order = np.argsort(-self.score, kind="stable")
        return Ranked(self.label[order], self.score[order], self.frames[order])

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
        runs = ranked.sorted()
        score = runs.score
        last = np.flatnonzero(np.r_[score[1:] != score[:-1], True][: len(score)])
        hits = np.cumsum(np.where(runs.label == 1, runs.frames, 0))
        return cls(score[last], hits[last], np.cumsum(runs.frames)[last], ranked.one_class)

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
