"""Detections of every event class, and their mAP over classes, for heads that tell the class of each segment.

The rule of score.metrics.event_detection, once for each class, on the class's probability along the frames: in all
test videos, with the annotated events of that class only. mAP is the mean over the classes that have
annotated events; a class that training did not know is not detected and counts 0.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from score.evaluation.results import ScoredVideo, Summary
from score.metrics import DETECTION_OVERLAPS, Detections, Events, detect

NOTHING = Events(np.zeros((0, 2), dtype=np.int64), np.zeros(0))


def class_events(probability: np.ndarray) -> tuple[Events, ...]:
    """The detections of each class in one video. probability: [K, F], the first row is Normal: no event."""
    return (NOTHING, *(detect(row) for row in probability[1:]))


def class_detection(videos: Sequence[ScoredVideo], event_classes: Sequence[str]) -> dict[str, Summary]:
    """Summaries class_map_tiou_0.1 ... 0.5, and class_map_tiou, their mean. Needs labels of all videos.

    event_classes: names of the classes of class_events.
    """
    names = sorted({video.video.event_class for video in videos if video.label.any()})
    if not names:
        return {}
    seeds = range(len(videos[0].video_score))
    found = {
        f"class_map_tiou_{tiou}": Summary(
            tuple(_mean_precision(videos, names, event_classes, seed=seed, tiou=tiou) for seed in seeds)
        )
        for tiou in DETECTION_OVERLAPS
    }
    means = np.mean([summary.per_seed for summary in found.values()], axis=0)
    return found | {"class_map_tiou": Summary(tuple(float(value) for value in means))}


def _mean_precision(
    videos: Sequence[ScoredVideo],
    names: Sequence[str],
    event_classes: Sequence[str],
    *,
    seed: int,
    tiou: float,
) -> float:
    each = []
    for name in names:
        place = event_classes.index(name) if name in event_classes else 0
        labels = [
            video.label if video.video.event_class == name else np.zeros_like(video.label) for video in videos
        ]
        events = [video.class_events[seed][place] if video.class_events else NOTHING for video in videos]
        each.append(Detections.of(labels, events, tiou=tiou).average_precision().value)
    return float(np.mean(each))
