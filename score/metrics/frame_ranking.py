"""Ranking measures of videos: over their pooled frames, inside each video, over videos, and of the oracle.

The video-level oracle knows which videos are anomalous and nothing about where; every frame AUC is read
against it.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from score.metrics.ranking import Curve, Measure, Ranked

FRAMES_AT = (100, 1000)  # K of precision at K, in addition to the number of anomalous frames (R-precision)


def frame_measures(
    labels: Sequence[np.ndarray], scores: Sequence[np.ndarray], *, anomalous: np.ndarray
) -> dict[str, Measure]:
    """Measures over the frames of V videos, pooled (micro).

    labels, scores: one array [F] per video. anomalous: bool [V], the labels of the videos.
    """
    ranked, video = Ranked.of_videos(labels, scores)
    curve = Curve.of_runs(ranked)
    abnormal = Curve.of_runs(ranked.only(np.asarray(anomalous, dtype=bool)[video]))
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
    flags = np.asarray(anomalous, dtype=np.int64)
    positive, frames = np.zeros((2, 2), dtype=np.int64)  # of normal videos, of anomalous ones
    np.add.at(positive, flags, [np.count_nonzero(each) for each in labels])
    np.add.at(frames, flags, [len(each) for each in labels])
    counts = np.r_[frames - positive, positive]
    ranked = Ranked(np.array([0, 0, 1, 1], np.uint8), np.array([0.0, 1.0, 0.0, 1.0]), counts)
    curve = Curve.of_runs(ranked.only(counts > 0))
    return {"oracle_frame_auc": curve.auc(), "oracle_frame_ap": curve.average_precision()}


def pairwise_accuracy(labels: Sequence[np.ndarray], scores: Sequence[np.ndarray]) -> list[float | None]:
    """Pairwise ranking accuracy per video: which videos cost frame AUC.

    Of all (anomalous, normal) pairs of frames with a frame of this video, the share that is ranked correctly.
    Ties count half; a pair inside the video counts once from each of its frames. None if there is no pair.
    """
    ranked, video = Ranked.of_videos(labels, scores)
    if not len(ranked.label):
        return [None] * len(labels)
    order = np.argsort(ranked.score)
    score = ranked.score[order]
    place = np.empty(len(order), dtype=np.int64)  # of each run among the distinct scores
    place[order] = np.cumsum(np.r_[False, score[1:] != score[:-1]])
    positive = ranked.label == 1
    normal, anomalous = ranked.frames * ~positive, ranked.frames * positive

    def lower(counts: np.ndarray) -> np.ndarray:
        """How many frames score lower than each run; ties count half."""
        tied = np.bincount(place, weights=counts)
        return (np.cumsum(tied) - tied / 2)[place]

    def of_videos(counts: np.ndarray) -> np.ndarray:
        return np.bincount(video, weights=counts, minlength=len(labels))

    won = of_videos(anomalous * lower(normal) + normal * (anomalous.sum() - lower(anomalous)))
    pairs = of_videos(anomalous * normal.sum() + normal * anomalous.sum())
    return [float(each / count) if count else None for each, count in zip(won, pairs, strict=True)]


def pool(arrays: Sequence[np.ndarray]) -> np.ndarray:
    """All frames in one array; empty for no video."""
    return np.concatenate(arrays) if len(arrays) else np.zeros(0)
