"""Training curves: loss and validation of every seed along the epochs."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from score.report.figures.material import Material
from score.report.figures.theme import Theme, canvas, legend, plain, style

TOTAL = "total"  # the sum of all terms of the loss; with several players one each, as "generator.total"
DASHES = ("solid", "dashed", "dotted", "dashdot")


def training(material: Material, theme: Theme) -> Figure | None:
    """The loss, below it the video AUC on validation if there is one; dots: the epoch that was kept."""
    logs = material.training
    totals = list(
        dict.fromkeys(name for log in logs for name in log.loss if name.rsplit(".", 1)[-1] == TOTAL)
    )
    validated = any(value is not None for log in logs for value in log.validation.get("video_auc", ()))
    panels = [("training loss", "loss", totals)] * bool(totals)
    panels += [("video AUC on validation", "validation", ["video_auc"])] * validated
    if not panels:
        return None
    figure = canvas(5.0, 0.3 + 2.4 * len(panels), theme)
    kept = material.evaluation.provenance.details.get("epochs") or []
    for axes, (title, part, names) in zip(
        figure.subplots(len(panels), 1, squeeze=False)[:, 0], panels, strict=True
    ):
        style(axes, theme)
        for name, dashes in zip(names, DASHES, strict=False):
            rows = [getattr(log, part).get(name, []) for log in logs]
            label = "" if len(names) == 1 else plain(name.removesuffix(f".{TOTAL}"))
            _lines(axes, rows, theme.all_videos if part == "loss" else theme.abnormal, dashes, label)
            if len(kept) == len(rows):
                _dots(axes, rows, kept, theme)
        axes.set_xlabel("epoch")
        axes.set_title(title, fontsize=10, loc="left", color=theme.ink)
        legend(axes, theme, "best")
    return figure


def mean_by_epoch(rows: Sequence[Sequence[float | None]]) -> np.ndarray:
    """The mean of the seeds that reached each epoch; NaN where none has a number."""
    longest = max(map(len, rows), default=0)
    padded = np.full((len(rows), longest), np.nan)
    for row, values in zip(padded, rows, strict=True):
        row[: len(values)] = [np.nan if value is None else value for value in values]
    count = np.isfinite(padded).sum(axis=0)
    return np.where(count > 0, np.nansum(padded, axis=0) / np.maximum(count, 1), np.nan)


def _lines(axes: Axes, rows: Sequence[Sequence[float | None]], color: str, dashes: str, label: str) -> None:
    if len(rows) > 1:
        for row in rows:
            values = [np.nan if value is None else value for value in row]
            axes.plot(
                np.arange(1, len(row) + 1), values, color=color, linewidth=0.8, alpha=0.4, linestyle=dashes
            )
    mean = mean_by_epoch(rows)
    axes.plot(
        np.arange(1, len(mean) + 1), mean, color=color, linewidth=2, linestyle=dashes, label=label or None
    )


def _dots(axes: Axes, rows: Sequence[Sequence[float | None]], kept: Sequence[int], theme: Theme) -> None:
    places = [(epoch, row[epoch - 1]) for row, epoch in zip(rows, kept, strict=True) if 0 < epoch <= len(row)]
    known = [(epoch, value) for epoch, value in places if value is not None]
    axes.plot(
        [epoch for epoch, _ in known],
        [value for _, value in known],
        color=theme.ink,
        marker="o",
        markersize=4,
        linestyle="none",
    )
