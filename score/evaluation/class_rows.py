"""Test videos by event class: ranking and alarms of each class, and the classes that a head predicts."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from data_lists.video import NORMAL
from score.evaluation.evaluation import ClassReport, ClassRow, ScoredVideo, Summary, labels_of
from score.metrics import Curve, Ranked, class_accuracy, class_rates, confusion_matrix, macro_f1, pool
from score.metrics.thresholds import Thresholds


def class_rows(videos: Sequence[ScoredVideo], thresholds: Thresholds) -> list[ClassRow]:
    """One row per event class, normal videos last."""
    normal = [video for video in videos if not video.video.is_anomalous]
    names = sorted({video.video.event_class for video in videos if video.video.is_anomalous})
    # Sorted and counted once for all classes: ranking is fast where parts are in order.
    normal_scores = pool([video.mean_score for video in normal])
    normal_runs = Ranked.of(np.zeros(len(normal_scores), np.uint8), normal_scores).sorted()
    # Per seed, because thresholds are chosen per seed.
    limits = np.array([thresholds.of_seed(seed)[1] for seed in range(len(videos[0].video_score))])
    rows = []
    for name in [*names, *([NORMAL] if normal else [])]:
        members = [video for video in videos if video.video.event_class == name]
        labels, scores = labels_of(members), pool([video.mean_score for video in members])
        own = among = (None, None)
        if labels is not None:
            ranked = Ranked.of(pool(labels), scores)
            own = _ranking(ranked)
            if name != NORMAL:
                among = _ranking(ranked.joined(normal_runs))
        rows.append(
            ClassRow(
                event_class=name,
                videos=len(members),
                frames=sum(video.num_frames for video in members),
                positives=None if labels is None else sum(int(label.sum()) for label in labels),
                video_score=float(np.mean([video.video_score.mean() for video in members])),
                frame_auc=own[0],
                frame_auc_with_normal=among[0],
                frame_ap=own[1],
                frame_ap_with_normal=among[1],
                alarm_share=float(np.mean([video.video_score >= limits for video in members])),
            )
        )
    return rows


def class_report(
    videos: Sequence[ScoredVideo], event_classes: Sequence[str]
) -> tuple[ClassReport, dict[str, Summary]]:
    """The report of the predicted classes, and the summaries class_accuracy and class_f1_macro.

    event_classes: names of the K columns of class_probability, Normal first. A class that only the test list
    has gets a row and is never predicted. A video without probabilities counts as predicted Normal.
    """
    names = [*event_classes]
    names += sorted({video.video.event_class for video in videos} - set(names))
    true = np.array([names.index(video.video.event_class) for video in videos])
    matrices = []
    for seed in range(len(videos[0].video_score)):
        predicted = [
            0 if video.class_probability is None else int(np.argmax(video.class_probability[seed]))
            for video in videos
        ]
        matrices.append(confusion_matrix(true, np.array(predicted), num_classes=len(names)))
    rates = [class_rates(matrix) for matrix in matrices]
    means = {
        name: tuple(_mean(values) for values in zip(*(each[name] for each in rates), strict=True))
        for name in ("precision", "recall", "f1")
    }
    report = ClassReport(tuple(names), np.sum(matrices, axis=0), **means)
    return report, {
        "class_accuracy": Summary(tuple(class_accuracy(matrix).value for matrix in matrices)),
        "class_f1_macro": Summary(tuple(macro_f1(matrix).value for matrix in matrices)),
    }


def _mean(values: Sequence[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return float(np.mean(known)) if len(known) == len(values) else None


def _ranking(ranked: Ranked) -> tuple[float | None, float | None]:
    """AUC and AP."""
    if ranked.one_class:
        return None, None
    curve = Curve.of_runs(ranked)
    return curve.auc().value, curve.average_precision().value
