"""Detections of every event class and their mAP over classes, for heads that predict classes of segments.

The rule of score.metrics.event_detection is applied per class to its probability over the frames of all test
videos, with the annotated events of that class only. mAP is the mean over the classes that have annotated
events; a class that training did not know is never detected and counts 0.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from score.evaluation.evaluation import ScoredVideo, Summary, labels_of
from score.metrics import DETECTION_OVERLAPS, Detections, Events, detect, runs

NOTHING = Events(np.zeros((0, 2), dtype=np.int64), np.zeros(0))


def class_events(probability: np.ndarray) -> tuple[Events, ...]:
    """The detections of each class in one video. probability: [K, F], the first row is Normal: no event."""
    return (NOTHING, *(detect(row) for row in probability[1:]))


def class_detection(videos: Sequence[ScoredVideo], event_classes: Sequence[str]) -> dict[str, Summary]:
    """Summaries class_map_tiou_0.1 ... 0.5, and class_map_tiou, their mean. Needs labels of all videos.

    event_classes: names of the classes of class_events.
    """
    labels = labels_of(videos)
    if labels is None:
        raise ValueError("detections of classes need the labels of all videos")
    names = sorted(
        {video.video.event_class for video, label in zip(videos, labels, strict=True) if label.any()}
    )
    if not names:
        return {}
    seeds = range(len(videos[0].video_score))
    found: dict[str, list[float]] = {}
    for tiou in DETECTION_OVERLAPS:
        found[f"class_map_tiou_{tiou}"] = [
            float(
                np.mean(
                    [
                        _average_precision(videos, labels, name, event_classes, seed=seed, tiou=tiou)
                        for name in names
                    ]
                )
            )
            for seed in seeds
        ]
    means = np.mean(list(found.values()), axis=0)
    found["class_map_tiou"] = [float(value) for value in means]
    return {name: Summary(tuple(values)) for name, values in found.items()}


def _average_precision(
    videos: Sequence[ScoredVideo],
    labels: Sequence[np.ndarray],
    name: str,
    event_classes: Sequence[str],
    *,
    seed: int,
    tiou: float,
) -> float:
    """The AP of one class, which has annotated events."""
    # Index 0 is Normal, which has no detections: what a class unknown to training gets.
    place = event_classes.index(name) if name in event_classes else 0
    true = [
        runs(label if video.video.event_class == name else np.zeros_like(label))
        for video, label in zip(videos, labels, strict=True)
    ]
    events = [video.class_events[seed][place] if video.class_events else NOTHING for video in videos]
    [detections] = Detections.of(true, events, (tiou,))
    precision = detections.average_precision().value
    assert precision is not None
    return precision
