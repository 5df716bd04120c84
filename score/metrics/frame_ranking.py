"""Ranking measures of videos: over their pooled frames, inside each video, over videos, and of the oracle.

The video-level oracle knows which videos are anomalous and nothing about where; every frame AUC is read
against it.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from score.metrics.ranking import Curve, Measure, average_precision, roc_auc

FRAMES_AT = (100, 1000)  # K of precision at K, in addition to the number of anomalous frames (R-precision)


def frame_measures(
    labels: Sequence[np.ndarray], scores: Sequence[np.ndarray], *, anomalous: np.ndarray
) -> dict[str, Measure]:
    """Measures over the frames of V videos, pooled (micro).

    labels, scores: one array [F] per video. anomalous: bool [V], the labels of the videos.
    """
    chosen = [index for index, flag in enumerate(anomalous) if flag]
    curve = Curve.of(pool(labels), pool(scores))
    abnormal = Curve.of(pool([labels[i] for i in chosen]), pool([scores[i] for i in chosen]))
    return {
        "frame_auc": curve.auc(),
        "frame_ap": curve.average_precision(),
        "frame_ap_trapezoid": curve.average_precision_trapezoid(),
        "frame_auc_abnormal": abnormal.auc(),
        "frame_ap_abnormal": abnormal.average_precision(),
        "frame_eer": curve.equal_error_rate(),
        **{f"precision_at_{count}": curve.precision_at(count) for count in FRAMES_AT},
        "precision_at_positives": curve.precision_at(curve.positives)
        if curve.positives
        else Measure(None, curve.reason),
    }


def own_measures(
    labels: Sequence[np.ndarray], scores: Sequence[np.ndarray]
) -> tuple[list[float | None], list[float | None]]:
    """AUC and AP inside each video; None if its frames are of one class."""
    auc: list[float | None] = []
    precision: list[float | None] = []
    for frames, values in zip(labels, scores, strict=True):
        has_both = frames.any() and not frames.all()  # half of all videos are normal, and need no sort
        curve = Curve.of(frames, values) if has_both else None
        auc.append(curve and curve.auc().value)
        precision.append(curve and curve.average_precision().value)
    return auc, precision


def video_measures(anomalous: np.ndarray, video_scores: np.ndarray) -> dict[str, Measure]:
    """Measures over videos. anomalous: bool [V]. video_scores: float [V]."""
    curve = Curve.of(np.asarray(anomalous).astype(np.uint8), video_scores)
    return {
        "video_auc": curve.auc(),
        "video_ap": curve.average_precision(),
        "video_eer": curve.equal_error_rate(),
    }


def oracle_measures(labels: Sequence[np.ndarray], anomalous: np.ndarray) -> dict[str, Measure]:
    """Measures of a perfect classifier of videos that localises nothing: 1 on anomalous videos, else 0."""
    scores = [np.full(len(frames), float(flag)) for frames, flag in zip(labels, anomalous, strict=True)]
    pooled, pooled_scores = pool(labels), pool(scores)
    return {
        "oracle_frame_auc": roc_auc(pooled, pooled_scores),
        "oracle_frame_ap": average_precision(pooled, pooled_scores),
    }


def pairwise_accuracy(labels: Sequence[np.ndarray], scores: Sequence[np.ndarray]) -> list[float | None]:
    """Pairwise ranking accuracy per video: which videos cost frame AUC.

    Of all (anomalous, normal) pairs of frames with a frame of this video, the share that is ranked correctly.
    Ties count half; a pair inside the video counts once from each of its frames. None if there is no pair.
    """
    label, score = pool(labels), pool(scores)
    stops = np.cumsum([len(frames) for frames in labels], dtype=np.int64)
    if not len(label):
        return [None] * len(labels)
    # Equal neighbours in one video are counted together: segments give 16 equal frames.
    is_first = np.r_[True, (score[1:] != score[:-1]) | (label[1:] != label[:-1])]
    is_first[stops[stops < len(label)]] = True
    starts = np.flatnonzero(is_first)
    frames, video = np.diff(np.r_[starts, len(label)]), np.searchsorted(stops, starts, side="right")
    positive, score = label[starts] == 1, score[starts]
    below = _below(score[~positive], frames[~positive], score)
    above = frames[positive].sum() - _below(score[positive], frames[positive], score)

    def of_videos(counts: np.ndarray) -> np.ndarray:
        return np.bincount(video, weights=counts, minlength=len(labels))

    won = of_videos(frames * np.where(positive, below, above))
    pairs = of_videos(frames * np.where(positive, frames[~positive].sum(), frames[positive].sum()))
    return [float(each / count) if count else None for each, count in zip(won, pairs, strict=True)]


def pool(arrays: Sequence[np.ndarray]) -> np.ndarray:
    """All frames in one array; empty for no video."""
    return np.concatenate(arrays) if len(arrays) else np.zeros(0)


def _below(others: np.ndarray, frames: np.ndarray, values: np.ndarray) -> np.ndarray:
    """How many frames score lower than each value; ties count half.

    others: the scores of runs, of `frames` frames each.
    """
    order = np.argsort(others)
    others, counts = others[order], np.r_[0, np.cumsum(frames[order])]
    left, right = (counts[np.searchsorted(others, values, side=side)] for side in ("left", "right"))
    return (left + right) / 2
