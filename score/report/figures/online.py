"""Missed events and seconds until the alert against false alarms per hour: the price of fewer alarms."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from score.metrics.alert_curve import CurvePoint
from score.report.figures.material import Material
from score.report.figures.theme import Theme, canvas, legend, style

STEPS = 401
POINT_MARKS = {"chosen": "o", "at_1": "^", "at_5": "s"}
POINT_WORDS = {"chosen": "chosen", "at_1": "1 an hour on validation", "at_5": "5 an hour on validation"}


def online(material: Material, theme: Theme) -> Figure | None:
    """Each seed and their mean on the test videos, with the thresholds that validation videos chose."""
    results = material.evaluation.online
    if results is None or not all(results.curves):
        return None
    figure = canvas(5.0, 5.6, theme)
    above, below = figure.subplots(2, 1, sharex=True)
    last = max(curve[-1].false_alarms for curve in results.curves)
    grid = np.linspace(0, last or 1.0, STEPS)
    for axes, name, label in (
        (above, "missed", "share of events missed"),
        (below, "delay", "seconds until the alert"),
    ):
        style(axes, theme)
        _lines(axes, grid, [values_at(curve, grid, name) for curve in results.curves], theme)
        _chosen(axes, material, theme, name)
        axes.set_ylabel(label)
        axes.set_ylim(bottom=0)
    below.set_xlabel("false alarms per camera-hour, on the test videos")
    legend(above, theme, "above")
    return figure


def values_at(curve: Sequence[CurvePoint], grid: np.ndarray, name: str) -> np.ndarray:
    """A value at each number of false alarms: that of the lowest threshold with no more; NaN without one."""
    rates = np.array([point.false_alarms for point in curve])
    values = np.array([getattr(point, name) for point in curve], dtype=np.float64)
    place = np.searchsorted(rates, grid, side="right") - 1
    return np.where(place < 0, np.nan, values[place.clip(min=0)])


def _lines(axes: Axes, grid: np.ndarray, rows: Sequence[np.ndarray], theme: Theme) -> None:
    if len(rows) > 1:
        for row in rows:
            axes.step(grid, row, where="post", color=theme.all_videos, linewidth=0.8, alpha=0.4)
    # Only where every seed has a number, or the mean would be of other seeds at every place.
    mean = np.mean(rows, axis=0)
    axes.step(grid, mean, where="post", color=theme.all_videos, linewidth=2.2, label="over all thresholds")


def _chosen(axes: Axes, material: Material, theme: Theme, name: str) -> None:
    summaries = material.evaluation.summaries
    for point, mark in POINT_MARKS.items():
        height, alarms = summaries[f"{name}_{point}"].mean, summaries[f"false_alarms_{point}"].mean
        if height is not None and alarms is not None:
            axes.plot(
                [alarms],
                [height],
                color=theme.abnormal,
                marker=mark,
                markersize=7,
                linestyle="none",
                clip_on=False,
                label=f"threshold: {POINT_WORDS[point]}",
            )
