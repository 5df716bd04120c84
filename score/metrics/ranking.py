"""Measures of ranking: frame and video AUC and AP, and the video-level oracle that every frame AUC is read
against.

A number that the data do not define (one class only, no frame at all) is None with a reason, never 0, 0.5
or 1.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from sklearn.metrics import auc, average_precision_score, precision_recall_curve, roc_auc_score, roc_curve

FALSE_ALARM_THRESHOLD = (
    0.5  # as in the field: a frame of a normal video that scores this much is a false alarm
)


@dataclass(frozen=True)
class Measure:
    """One number in [0, 1], or None and the reason why there is none."""

    value: float | None
    reason: str = ""


@dataclass(frozen=True)
class Ranked:
    """Runs of equal label and score: label uint8 [R], score float64 [R], frames (how many each stands for)
    int64 [R].

    Segments give 16 equal frames in a row, so this is some 16 times shorter than the frames, and exact.
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
        starts = np.flatnonzero(
            np.r_[True, (np.diff(scores) != 0) | (labels[1:] != labels[:-1])][: len(scores)]
        )
        frames = np.diff(np.r_[starts, len(scores)]).astype(np.int64)
        return cls(label=labels[starts].astype(np.uint8), score=scores[starts], frames=frames)

    @property
    def one_class(self) -> str:
        """Why no ranking measure is defined; empty when both classes are there."""
        if not len(self.label):
            return "there is nothing to rank"
        if self.label.all():
            return "every label is 1: nothing normal to rank against"
        if not self.label.any():
            return "every label is 0: nothing anomalous to rank"
        return ""


def roc_auc(labels: np.ndarray, scores: np.ndarray) -> Measure:
    """The share of (anomalous, normal) pairs in the right order, ties as half."""
    ranked = Ranked.of(labels, scores)
    if ranked.one_class:
        return Measure(None, ranked.one_class)
    return Measure(float(roc_auc_score(ranked.label, ranked.score, sample_weight=ranked.frames)))


def average_precision(labels: np.ndarray, scores: np.ndarray) -> Measure:
    """Step-wise area under the precision-recall curve."""
    ranked = Ranked.of(labels, scores)
    if not ranked.label.any() or ranked.label.all():
        return Measure(None, ranked.one_class)
    return Measure(float(average_precision_score(ranked.label, ranked.score, sample_weight=ranked.frames)))


def average_precision_trapezoid(labels: np.ndarray, scores: np.ndarray) -> Measure:
    """Area by the trapezoid rule, as XD-Violence papers count AP; a little optimistic."""
    ranked = Ranked.of(labels, scores)
    if ranked.one_class:
        return Measure(None, ranked.one_class)
    precision, recall, _ = precision_recall_curve(ranked.label, ranked.score, sample_weight=ranked.frames)
    return Measure(float(auc(recall, precision)))


def roc_points(labels: np.ndarray, scores: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """False and true positive rates of the ROC curve. Raises ValueError with one class only."""
    ranked = Ranked.of(labels, scores)
    if ranked.one_class:
        raise ValueError(ranked.one_class)
    false_rate, true_rate, _ = roc_curve(ranked.label, ranked.score, sample_weight=ranked.frames)
    return false_rate, true_rate


def frame_measures(
    labels: Sequence[np.ndarray], scores: Sequence[np.ndarray], *, anomalous: np.ndarray
) -> dict[str, Measure]:
    """Measures over the frames of V videos, pooled (micro) unless the name says otherwise.

    labels, scores: one array [frames of the video] each. anomalous: bool [V], the label of the video.
    """
    chosen = [index for index, flag in enumerate(anomalous) if flag]
    pooled, pooled_scores = _pool(labels), _pool(scores)
    return {
        "frame_auc": roc_auc(pooled, pooled_scores),
        "frame_ap": average_precision(pooled, pooled_scores),
        "frame_ap_trapezoid": average_precision_trapezoid(pooled, pooled_scores),
        "frame_auc_abnormal": roc_auc(_pool([labels[i] for i in chosen]), _pool([scores[i] for i in chosen])),
        "frame_auc_macro": _macro_auc(labels, scores),
    }


def video_measures(anomalous: np.ndarray, video_scores: np.ndarray) -> dict[str, Measure]:
    """Measures over videos. anomalous: bool [V]. video_scores: float [V]."""
    labels = np.asarray(anomalous).astype(np.uint8)
    return {"video_auc": roc_auc(labels, video_scores), "video_ap": average_precision(labels, video_scores)}


def oracle_measures(labels: Sequence[np.ndarray], anomalous: np.ndarray) -> dict[str, Measure]:
    """What a perfect classifier of videos gets that localises nothing: 1 on anomalous videos, 0 on the
    others."""
    scores = [np.full(len(frames), float(flag)) for frames, flag in zip(labels, anomalous, strict=True)]
    pooled, pooled_scores = _pool(labels), _pool(scores)
    return {
        "oracle_frame_auc": roc_auc(pooled, pooled_scores),
        "oracle_frame_ap": average_precision(pooled, pooled_scores),
    }


def false_alarm_rate(scores: Sequence[np.ndarray], anomalous: np.ndarray) -> Measure:
    """The share of the frames of normal videos with a score of at least FALSE_ALARM_THRESHOLD; needs no frame
    truth."""
    normal = _pool([values for values, flag in zip(scores, anomalous, strict=True) if not flag])
    if not len(normal):
        return Measure(None, "there is no normal video")
    if any(len(values) and (values.min() < 0 or values.max() > 1) for values in scores):
        return Measure(None, f"scores leave [0, 1], so the threshold {FALSE_ALARM_THRESHOLD} means nothing")
    return Measure(float(np.mean(normal >= FALSE_ALARM_THRESHOLD)))


def pairs_in_order(labels: Sequence[np.ndarray], scores: Sequence[np.ndarray]) -> list[float | None]:
    """Which videos cost frame AUC: of all (anomalous, normal) pairs with a frame of this video, the share in
    order.

    Ties count half; a pair inside the video counts once from each of its frames. None where there is no pair.
    """
    pooled, pooled_scores = _pool(labels), _pool(scores)
    negatives = np.sort(pooled_scores[pooled == 0])
    positives = np.sort(pooled_scores[pooled == 1])
    shares: list[float | None] = []
    for frames, values in zip(labels, scores, strict=True):
        up, down = values[frames == 1], values[frames == 0]
        pairs = len(up) * len(negatives) + len(down) * len(positives)
        won = _below(negatives, up) + len(down) * len(positives) - _below(positives, down)
        shares.append(float(won / pairs) if pairs else None)
    return shares


def _below(ordered: np.ndarray, values: np.ndarray) -> float:
    """Pairs (value, element of ordered) in which the element is lower, ties as half."""
    left, right = (
        np.searchsorted(ordered, values, side=side).sum(dtype=np.float64) for side in ("left", "right")
    )
    return (left + right) / 2


def _macro_auc(labels: Sequence[np.ndarray], scores: Sequence[np.ndarray]) -> Measure:
    each = [roc_auc(frames, values).value for frames, values in zip(labels, scores, strict=True)]
    defined = [value for value in each if value is not None]
    if not defined:
        return Measure(None, "no video has both normal and anomalous frames")
    return Measure(float(np.mean(defined)))


def _pool(arrays: Sequence[np.ndarray]) -> np.ndarray:
    return np.concatenate(arrays) if len(arrays) else np.zeros(0)
