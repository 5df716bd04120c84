"""The confusion matrix of heads that predict classes: rows are true, columns predicted."""

from __future__ import annotations

import numpy as np
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.figure import Figure

from score.report.figures.material import Material
from score.report.figures.theme import Theme, chart, plain

CELL = 0.42  # inches


def confusion(material: Material, theme: Theme) -> Figure | None:
    """Shares of each row as shades, counts (mean over seeds) as numbers; None without classes."""
    report = material.evaluation.classes.report
    if report is None:
        return None
    seeds = material.evaluation.num_seeds
    names = [plain(name, 20) for name in report.event_classes]
    counts = report.confusion / seeds
    shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1e-12)
    figure, axes = chart(2.0 + CELL * len(names), 1.7 + CELL * len(names), theme)
    shades = LinearSegmentedColormap.from_list("shades", [theme.background, theme.all_videos])
    axes.imshow(shares, cmap=shades, vmin=0, vmax=1)
    for row, column in zip(*np.nonzero(counts), strict=True):
        text = f"{counts[row, column]:.1f}".removesuffix(".0")
        # Light text on dark cells.
        strong = shares[row, column] > 0.55
        axes.text(
            column,
            row,
            text,
            ha="center",
            va="center",
            fontsize=8,
            color=theme.background if strong else theme.ink,
        )
    axes.set_xticks(range(len(names)), names, rotation=60, ha="right", rotation_mode="anchor")
    axes.set_yticks(range(len(names)), names)
    axes.set_xlabel("predicted class")
    axes.set_ylabel("true class")
    return figure
