"""The headline compared with chance, the video-level oracle, and published results on the same videos."""

from __future__ import annotations

from dataclasses import dataclass

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from score.report.figures.material import Material
from score.report.figures.theme import Theme, chart, plain

ROW = 0.235  # inches
SELECTED = " *"  # after results whose epoch was chosen on the test videos


@dataclass(frozen=True)
class Row:
    """name: as the axis shows it. kind: "ours", "published", "again" (trained by others) or "memory"."""

    name: str
    value: float
    kind: str
    interval: tuple[float, float] | None = None


def comparison(material: Material, theme: Theme) -> Figure | None:
    """One measure as dots, the best on top; None if it is not defined."""
    measure, rows = comparison_rows(material)
    if not rows:
        return None
    figure, axes = chart(5.6, 1.5 + ROW * len(rows), theme)
    for place, row in enumerate(rows):
        _dot(axes, place, row, theme)
    oracle = material.evaluation.oracle[f"oracle_{measure}"].value
    if oracle is not None:
        axes.axvline(oracle, color=theme.oracle, linewidth=1.1, linestyle=(0, (1, 1.5)))
        axes.annotate(
            f"video-level oracle {oracle:.3f}",
            (oracle, 1),
            (0, 4),
            xycoords=("data", "axes fraction"),
            textcoords="offset points",
            ha="center",
            va="bottom",
            fontsize=8.5,
            color=theme.ink,
        )
    axes.set_yticks(range(len(rows)), [row.name for row in rows], fontsize=8.5)
    for label, row in zip(axes.get_yticklabels(), rows, strict=True):
        label.set_fontweight("bold" if row.kind == "ours" else "normal")
    axes.set_ylim(-0.7, len(rows) - 0.3)
    axes.grid(axis="x", color=theme.faint, linewidth=0.5, alpha=0.6)
    axes.set_xlabel({"frame_auc": "frame AUC", "frame_ap": "frame AP"}[measure])
    _key(axes, {row.kind for row in rows}, theme)
    return figure


def comparison_rows(material: Material) -> tuple[str, list[Row]]:
    """The measure that papers report for these videos, and the rows in ascending order.

    Frame AUC for one's own videos.
    """
    evaluation, published = material.evaluation, material.published
    measure = published[0].measure if published else "frame_auc"
    summary = evaluation.summaries[measure]
    if summary.mean is None:
        return measure, []
    # The AP of random scores is the share of positives.
    chance = 0.5 if measure == "frame_auc" else (evaluation.positives or 0) / evaluation.frames
    rows = [
        Row(plain(evaluation.title, 40), summary.mean, "ours", summary.interval),
        Row("chance", chance, "published"),
    ]
    for each in published:
        kind = {"T": "again", "M": "memory"}.get(each.source, "published")
        star = SELECTED if each.test_selected and kind != "again" else ""
        rows.append(Row(f"{each.method} {each.year}, {each.features}{star}", each.value, kind))
    return measure, sorted(rows, key=lambda row: row.value)


def _dot(axes: Axes, place: int, row: Row, theme: Theme) -> None:
    color, fill, marker = _look(row.kind, theme)
    if row.interval is not None:
        axes.plot(row.interval, [place, place], color=color, linewidth=3, alpha=0.35, solid_capstyle="round")
    axes.plot([row.value], [place], color=color, marker=marker, markersize=6.5, markerfacecolor=fill)
    axes.annotate(
        f"{row.value:.3f}",
        (row.value, place),
        (7, 0),
        textcoords="offset points",
        va="center",
        fontsize=8,
        color=theme.ink,
    )


def _look(kind: str, theme: Theme) -> tuple[str, str, str]:
    return {
        "ours": (theme.abnormal, theme.abnormal, "D"),
        "published": (theme.all_videos, theme.all_videos, "o"),
        "memory": (theme.all_videos, theme.background, "o"),
        "again": (theme.ink, theme.background, "s"),
    }[kind]


def _key(axes: Axes, kinds: set[str], theme: Theme) -> None:
    words = {
        "ours": "this evaluation, with its interval",
        "published": f"published{' (*: epoch chosen on test videos)' if len(kinds) > 2 else ''}",
        "memory": "published, quoted from memory",
        "again": "trained again by others",
    }
    handles = []
    for kind in words:
        if kind in kinds:
            color, fill, marker = _look(kind, theme)
            handles.append(
                Line2D(
                    [],
                    [],
                    color=color,
                    markerfacecolor=fill,
                    marker=marker,
                    linestyle="none",
                    label=words[kind],
                )
            )
    if kinds != {"ours", "published"}:
        axes.figure.legend(
            handles=handles,
            loc="outside lower center",
            ncols=2,
            fontsize=8,
            frameon=False,
            labelcolor=theme.ink,
        )
