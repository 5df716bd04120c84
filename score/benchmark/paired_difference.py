"""Differences between heads on the same test videos: both are measured on the same draws of videos.

Much of what moves a measure from draw to draw is the videos, hard or easy for every head; in the difference
it cancels.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from score.evaluation.evaluate_videos import lacks_truth
from score.evaluation.evaluation import ScoredVideo
from score.metrics import bootstrap


@dataclass(frozen=True)
class Draws:
    """Means over seeds: `mean` of the measure itself, float64 [R] of R draws of the videos."""

    mean: dict[str, float]
    draws: dict[str, np.ndarray]


@dataclass(frozen=True)
class Difference:
    """How much higher one is than another, by the means over seeds, with the 95 % interval over videos."""

    mean: float
    interval: tuple[float, float] | None


def draw(videos: Sequence[ScoredVideo], *, resamples: int, seed: int = 0) -> Draws:
    """Video AUC, and frame AUC and AP where there is truth, of all videos and of draws of them.

    The draws depend on the number of videos and the seed alone, so that those of two heads go together.
    """
    everything = np.ones((1, len(videos)), dtype=np.int64)
    weights = np.concatenate(
        [everything, bootstrap.draw_weights(len(videos), resamples=resamples, seed=seed)]
    )
    label = [np.array([video.video.is_anomalous], dtype=np.uint8) for video in videos]
    found: dict[str, list[np.ndarray]] = {}
    for index in range(len(videos[0].video_score)):
        counts = bootstrap.Counts.of(label, [video.video_score[index, None] for video in videos])
        found.setdefault("video_auc", []).append(bootstrap.draw_measures(counts, weights).auc)
        if not lacks_truth(videos):
            frames = bootstrap.Counts.of(
                [video.label for video in videos], [video.frame_score[index] for video in videos]
            )
            drawn = bootstrap.draw_measures(frames, weights)
            found.setdefault("frame_auc", []).append(drawn.auc)
            found.setdefault("frame_ap", []).append(drawn.ap)
    means = {name: np.mean(rows, axis=0) for name, rows in found.items()}  # [1 + R]
    return Draws(
        {name: float(row[0]) for name, row in means.items()}, {name: row[1:] for name, row in means.items()}
    )


def difference(one: Draws, other: Draws, measure: str) -> Difference | None:
    """one - other; None where the measure is not defined for both."""
    if measure not in one.mean or measure not in other.mean:
        return None
    mean = one.mean[measure] - other.mean[measure]
    if not np.isfinite(mean):
        return None
    return Difference(mean, bootstrap.interval(one.draws[measure] - other.draws[measure]))
