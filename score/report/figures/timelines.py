"""Scores along the frames of the worst and the best videos, over the annotated spans."""

from __future__ import annotations

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from score.evaluation.evaluation import Evaluation, ScoredVideo
from score.metrics import runs
from score.report.figures.material import Material
from score.report.figures.theme import Theme, canvas, plain, style

COLUMNS = 600  # points of a timeline at most; each shows the highest score of its frames
COUNT = 5  # videos per side


def timelines(material: Material, theme: Theme) -> Figure:
    """The videos that cost most frame AUC (left) and least (right).

    Without frame truth the videos are ordered by how far their video score is from their label.
    """
    evaluation = material.evaluation
    order = ranking(evaluation)
    worst, rest = order[:COUNT], order[COUNT:][::-1]
    # anomalous videos first: there is something to find
    best = sorted(rest, key=lambda index: not evaluation.videos[index].video.is_anomalous)[:COUNT]
    columns = [column for column in (("costs most", worst), ("costs least", best)) if column[1]]
    rows = max(len(chosen) for _, chosen in columns)
    figure = canvas(5.6 * len(columns), 0.5 + 1.35 * rows, theme)
    grid = figure.subplots(rows, len(columns), squeeze=False)
    for column, (title, chosen) in enumerate(columns):
        for row, axes in enumerate(grid[:, column]):
            if row >= len(chosen):
                axes.set_visible(False)
                continue
            style(axes, theme)
            _timeline(
                axes,
                evaluation.videos[chosen[row]],
                theme=theme,
                accuracy=evaluation.pair_accuracy[chosen[row]],
            )
        grid[0, column].annotate(
            title,
            (1, 1),
            (0, 14),
            xycoords="axes fraction",
            textcoords="offset points",
            ha="right",
            va="bottom",
            fontsize=10,
            fontweight="bold",
            color=theme.ink,
        )
        grid[len(chosen) - 1, column].set_xlabel("frame", fontsize=9)
    return figure


def ranking(evaluation: Evaluation) -> list[int]:
    """Positions of the videos, the one that costs most first."""
    costs = []
    for video, accuracy in zip(evaluation.videos, evaluation.pair_accuracy, strict=True):
        distance = abs(float(video.video.is_anomalous) - float(video.video_score.mean()))
        costs.append(distance if accuracy is None else 1 - accuracy)
    return sorted(
        range(len(costs)), key=lambda index: (-costs[index], evaluation.videos[index].video.video_id)
    )


def thinned(values: np.ndarray, columns: int = COLUMNS) -> tuple[np.ndarray, np.ndarray]:
    """Frame positions and scores of at most `columns` points: the highest score of each bin of frames."""
    # The highest score of each bin, so that no peak is lost.
    edges = np.unique(np.linspace(0, len(values), min(columns, len(values)) + 1).astype(int))
    return edges[:-1], np.maximum.reduceat(values, edges[:-1])


def spans(label: np.ndarray | None) -> list[tuple[int, int]]:
    """Annotated frames [start, stop); none if nobody annotated the video."""
    return [] if label is None else [(int(start), int(stop)) for start, stop in runs(label)]


def _timeline(axes: Axes, video: ScoredVideo, *, theme: Theme, accuracy: float | None) -> None:
    for start, stop in spans(video.label):
        axes.axvspan(start, stop, color=theme.truth, alpha=0.35, linewidth=0)
    if len(video.frame_score) > 1:
        frames, low = thinned(-video.frame_score.min(axis=0))
        high = thinned(video.frame_score.max(axis=0))[1]
        axes.fill_between(frames, -low, high, color=theme.all_videos, alpha=0.25, linewidth=0, step="post")
    frames, scores = thinned(video.mean_score)
    line = {"where": "post", "color": theme.all_videos, "linewidth": 1.3}
    axes.step(np.r_[frames, video.num_frames], np.r_[scores, scores[-1]], **line)
    axes.set_xlim(0, video.num_frames)
    low, high = float(video.frame_score.min()), float(video.frame_score.max())
    axes.set_ylim(min(0.0, low) - 0.02 * (high - low), max(1.0, high) * 1.02)
    order = "" if accuracy is None else f"  (pairwise accuracy {accuracy:.0%})"
    name = plain(video.video.video_id)
    axes.set_title(name + order, fontsize=8.5, loc="left", color=theme.ink, pad=3)
    axes.tick_params(labelsize=8)
