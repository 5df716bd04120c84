"""Paired differences between heads, measured on the same bootstrap draws of the test videos.

Much of the variance between draws comes from videos that are hard or easy for every head; in the difference
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
    """Measures averaged over seeds: `mean` on all videos, `draws` float64 [R] on R draws of them."""

    mean: dict[str, float]
    draws: dict[str, np.ndarray]


@dataclass(frozen=True)
class Difference:
    """How much higher one head's mean over seeds is than another's, with the 95 % interval over videos."""

    mean: float
    interval: tuple[float, float] | None


def draw(videos: Sequence[ScoredVideo], *, resamples: int, seed: int = 0) -> Draws:
    """Video AUC, and with frame labels frame AUC and AP, on all videos and on draws of them.

    The draws depend only on the number of videos and the seed, so that those of two heads are paired.
    """
    # The first draw is all videos, once each: it gives the measure itself.
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
                [video.label for video in videos if video.label is not None],
                [video.frame_score[index] for video in videos],
            )
            drawn = bootstrap.draw_measures(frames, weights)
            found.setdefault("frame_auc", []).append(drawn.auc)
            found.setdefault("frame_ap", []).append(drawn.ap)
    means = {name: np.mean(rows, axis=0) for name, rows in found.items()}  # [1 + R]
    return Draws(
        {name: float(row[0]) for name, row in means.items()}, {name: row[1:] for name, row in means.items()}
    )


def draw_folds(folds: Sequence[Sequence[ScoredVideo]], *, resamples: int) -> Draws:
    """The mean over folds of each measure, on all videos of a fold and on draws of them.

    Folds whose videos have one class are left out; every head has the same folds, so that draws are paired.
    """
    found = [draw(videos, resamples=resamples, seed=fold) for fold, videos in enumerate(folds)]
    mean, draws = {}, {}
    for measure in found[0].mean:
        defined = [each for each in found if measure in each.mean and np.isfinite(each.mean[measure])]
        if defined:
            mean[measure] = float(np.mean([each.mean[measure] for each in defined]))
            # A draw that takes one class alone from a fold has no AUC; interval leaves it out.
            draws[measure] = np.mean([each.draws[measure] for each in defined], axis=0)
    return Draws(mean, draws)


def difference(one: Draws, other: Draws, measure: str) -> Difference | None:
    """one - other; None if either lacks the measure."""
    if measure not in one.mean or measure not in other.mean:
        return None
    mean = one.mean[measure] - other.mean[measure]
    if not np.isfinite(mean):
        return None
    return Difference(mean, bootstrap.interval(one.draws[measure] - other.draws[measure]))
