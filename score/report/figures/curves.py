"""ROC and precision-recall curves: every seed thin, their mean thick, and the video-level oracle's corner."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from score.evaluation.evaluation import Evaluation, Summary
from score.metrics import Curve
from score.report.figures.material import Material
from score.report.figures.theme import Theme, chart, legend

GRID = np.linspace(0, 1, 1001)  # rates at which curves of seeds are averaged
OnGrid = Callable[[Curve], np.ndarray]


def roc(material: Material, theme: Theme) -> Figure:
    """Over frames, or over videos if there is no frame truth."""
    figure, axes = _square(theme)
    axes.plot([0, 1], [0, 1], color=theme.faint, linewidth=1, linestyle=(0, (2, 3)))
    unit = _draw(axes, material, theme, roc_on_grid, ("frame_auc", "frame_auc_abnormal", "video_auc"), "ROC")
    axes.set_xlabel(f"false positive rate of {unit}s")
    axes.set_ylabel(f"true positive rate (recall) of {unit}s")
    legend(axes, theme, "lower right")
    return figure


def precision_recall(material: Material, theme: Theme) -> Figure:
    """Over frames, or over videos if there is no frame truth."""
    figure, axes = _square(theme)
    names = ("frame_ap", "frame_ap_abnormal", "video_ap")
    unit = _draw(axes, material, theme, precision_on_grid, names, "precision")
    evaluation = material.evaluation
    share = evaluation.num_anomalous / len(evaluation.videos)
    if unit == "frame" and evaluation.positives is not None:
        share = evaluation.positives / evaluation.frames
    axes.axhline(share, color=theme.faint, linewidth=1, linestyle=(0, (2, 3)), label=f"chance: {share:.3f}")
    axes.set_xlabel(f"recall of {unit}s")
    axes.set_ylabel(f"precision of {unit}s")
    legend(axes, theme, "lower left")
    return figure


def roc_on_grid(curve: Curve) -> np.ndarray:
    """True positive rates at GRID; at a vertical step the upper end."""
    false_rate, true_rate = curve.roc()
    # Interpolation needs rising rates.
    last = np.r_[np.diff(false_rate) > 0, True]
    on_grid = np.interp(GRID, false_rate[last], true_rate[last])
    on_grid[0] = 0.0
    return on_grid


def precision_on_grid(curve: Curve) -> np.ndarray:
    """Precisions at the recalls of GRID."""
    return curve.precision[np.searchsorted(curve.recall, GRID).clip(max=len(curve.recall) - 1)]


def oracle_corner(evaluation: Evaluation) -> tuple[float, float] | None:
    """(false positive rate, precision) of an oracle that raises an alarm at every frame of anomalous videos.

    Its recall is 1. None if it is not defined.
    """
    positives = evaluation.positives
    if positives is None or evaluation.oracle["oracle_frame_auc"].value is None:
        return None
    alarms = sum(video.num_frames for video in evaluation.videos if video.video.is_anomalous)
    return (alarms - positives) / (evaluation.frames - positives), positives / alarms


def _square(theme: Theme) -> tuple[Figure, Axes]:
    figure, axes = chart(5.0, 4.8, theme)
    axes.set_xlim(-0.005, 1.005)
    axes.set_ylim(-0.005, 1.005)
    axes.set_aspect("equal")
    return figure, axes


def _draw(
    axes: Axes, material: Material, theme: Theme, on_grid: OnGrid, names: Sequence[str], what: str
) -> str:
    """The lines; returns what they are over, frames or videos."""
    summaries = material.evaluation.summaries
    if material.frame_curves:
        _mean(
            axes,
            material.frame_curves,
            on_grid,
            summaries[names[0]],
            ("all videos", theme.all_videos, "solid"),
        )
        if material.abnormal_curves:
            look = ("anomalous videos only", theme.abnormal, "dashed")
            _mean(axes, material.abnormal_curves, on_grid, summaries[names[1]], look)
        _oracle(axes, material.evaluation, theme, names[0])
        return "frame"
    if material.video_curves:
        _mean(
            axes, material.video_curves, on_grid, summaries[names[2]], ("videos", theme.all_videos, "solid")
        )
    else:
        axes.text(0.5, 0.55, f"no {what}: one class only", ha="center", color=theme.ink)
    return "video"


def _mean(
    axes: Axes, curves: Sequence[Curve], on_grid: OnGrid, summary: Summary, look: tuple[str, str, str]
) -> None:
    name, color, dashes = look
    rows = [on_grid(curve) for curve in curves]
    if len(rows) > 1:
        for row in rows:
            axes.plot(GRID, row, color=color, linewidth=0.8, alpha=0.4, linestyle=dashes)
    spread = f" ± {summary.std:.3f}" if len(rows) > 1 else ""
    label = f"{name}: {summary.mean:.3f}{spread}"
    axes.plot(GRID, np.mean(rows, axis=0), color=color, linewidth=2.2, linestyle=dashes, label=label)


def _oracle(axes: Axes, evaluation: Evaluation, theme: Theme, name: str) -> None:
    corner = oracle_corner(evaluation)
    if corner is None:
        return
    value = evaluation.oracle[f"oracle_{name}"].value
    # The oracle has one operating point; straight lines lead there and on.
    ways = {"frame_auc": ([0, corner[0], 1], [0, 1, 1]), "frame_ap": ([0, 1], [corner[1]] * 2)}[name]
    dots = {"color": theme.oracle, "linestyle": (0, (1, 1.5))}
    axes.plot(*ways, linewidth=1.1, **dots)
    place = ([corner[0]], [1]) if name == "frame_auc" else ([1], [corner[1]])
    axes.plot(
        *place, marker="D", markersize=6, clip_on=False, label=f"video-level oracle: {value:.3f}", **dots
    )
