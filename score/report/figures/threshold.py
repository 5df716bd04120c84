"""F1 against the threshold: how much the choice matters, and where the chosen threshold stands."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from score.metrics import Curve
from score.report.figures.material import Material
from score.report.figures.theme import Theme, chart, legend

STEPS = 501


def f1_by_threshold(material: Material, theme: Theme) -> Figure | None:
    """Over frames and over videos, each seed and their mean; None if neither is defined."""
    curves = [
        (name, found, color, dashes, places)
        for name, found, color, dashes, places in (
            (
                "frames",
                material.frame_curves,
                theme.all_videos,
                "solid",
                material.evaluation.thresholds.frame,
            ),
            ("videos", material.video_curves, theme.abnormal, "dashed", material.evaluation.thresholds.video),
        )
        if found
    ]
    if not curves:
        return None
    figure, axes = chart(5.0, 4.2, theme)
    scores = np.concatenate([curve.score[[0, -1]] for _, found, *_ in curves for curve in found])
    low, high = min(0.0, scores.min()), max(1.0, scores.max())
    grid = np.linspace(low, high, STEPS)
    for name, found, color, dashes, places in curves:
        _lines(axes, grid, found, (name, color, dashes))
        place = float(np.mean(places))
        axes.axvline(place, color=color, linewidth=1, linestyle=(0, (1, 2)))
        level = float(np.mean([f1_at(curve, np.array([place]))[0] for curve in found]))
        axes.plot([place], [level], color=color, marker="o", markersize=6)
    axes.set_xlim(low, high)
    axes.set_ylim(0, 1.02)
    axes.set_xlabel("threshold; dots: the chosen one")
    axes.set_ylabel("F1")
    legend(axes, theme, "above")
    return figure


def f1_at(curve: Curve, thresholds: np.ndarray) -> np.ndarray:
    """F1 when scores of at least each threshold raise an alarm; 0 where none does."""
    # The lowest score that still raises an alarm.
    place = np.searchsorted(-curve.score, -thresholds, side="right") - 1
    return np.where(place < 0, 0.0, curve.f1[place.clip(min=0)])


def _lines(axes: Axes, grid: np.ndarray, curves: Sequence[Curve], look: tuple[str, str, str]) -> None:
    name, color, dashes = look
    rows = [f1_at(curve, grid) for curve in curves]
    if len(rows) > 1:
        for row in rows:
            axes.plot(grid, row, color=color, linewidth=0.8, alpha=0.4, linestyle=dashes)
    mean = np.mean(rows, axis=0)
    label = f"{name}: at best {mean.max():.3f}, as measured on the test videos"
    axes.plot(grid, mean, color=color, linewidth=2.2, linestyle=dashes, label=label)
