"""Figures of an evaluation as PNG: ROC curves with the oracle, and score timelines over the annotated spans.

Colours are Okabe and Ito's, which people with any colour vision tell apart; lines differ in dashes too.
"""

from __future__ import annotations

import io
from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from score.evaluation import Evaluation, ScoredVideo
from score.metrics import roc_points

GRID = np.linspace(0, 1, 1001)  # false positive rates at which curves of seeds are averaged
COLUMNS = 600  # a timeline is at most this many points wide; each shows the highest score of its frames


@dataclass(frozen=True)
class Theme:
    background: str
    ink: str
    faint: str
    all_videos: str
    abnormal: str
    oracle: str
    truth: str


LIGHT = Theme("#ffffff", "#1b1f24", "#b8bec6", "#0072b2", "#d55e00", "#1b1f24", "#e69f00")
DARK = Theme("#14181d", "#e6e9ed", "#4a525c", "#56b4e9", "#e69f00", "#e6e9ed", "#d55e00")


def roc_figure(evaluation: Evaluation, *, theme: Theme = LIGHT) -> bytes:
    """ROC over frames (over videos where there is no frame truth): every seed thin, their mean thick. PNG."""
    figure, axes = _canvas(5.2, 5.0, theme=theme)
    axes.plot([0, 1], [0, 1], color=theme.faint, linewidth=1, linestyle=(0, (2, 3)))
    frames = evaluation.summaries["frame_auc"].mean is not None
    if frames:
        _roc(axes, evaluation, "all videos", color=theme.all_videos, dashes="solid")
        if evaluation.summaries["frame_auc_abnormal"].mean is not None:
            _roc(axes, evaluation, "anomalous videos only", color=theme.abnormal, dashes="dashed")
        _oracle(axes, evaluation, theme)
    elif evaluation.summaries["video_auc"].mean is not None:
        _roc(axes, evaluation, "videos", color=theme.all_videos, dashes="solid")
    else:
        axes.text(0.5, 0.55, "no ROC: one class only", ha="center", color=theme.ink)
    unit = "frame" if frames else "video"
    axes.set_xlabel(f"normal {unit}s taken for anomalous")
    axes.set_ylabel(f"anomalous {unit}s found")
    axes.set_xlim(-0.005, 1.005)
    axes.set_ylim(-0.005, 1.005)
    axes.set_aspect("equal")
    if axes.get_legend_handles_labels()[1]:
        legend = axes.legend(loc="lower right", fontsize=9, frameon=True, labelcolor=theme.ink)
        legend.get_frame().set(facecolor=theme.background, edgecolor=theme.faint, alpha=0.9)
    return _png(figure)


def timelines_figure(evaluation: Evaluation, *, count: int = 5, theme: Theme = LIGHT) -> bytes:
    """Scores along the frames of the videos that cost most frame AUC (left) and least (right). PNG.

    Without frame truth the videos are ordered by how far their video score is from their label.
    """
    order = ranking(evaluation)
    worst = order[:count]
    rest = [
        index for index in order[::-1] if index not in worst
    ]  # anomalous videos first: there is something to find
    best = sorted(rest, key=lambda index: not evaluation.videos[index].video.is_anomalous)[:count]
    columns = [column for column in (("costs most", worst), ("costs least", best)) if column[1]]
    rows = max(len(chosen) for _, chosen in columns)
    figure = Figure(
        figsize=(5.6 * len(columns), 0.5 + 1.35 * rows),
        dpi=110,
        facecolor=theme.background,
        layout="constrained",
    )
    FigureCanvasAgg(figure)
    grid = figure.subplots(rows, len(columns), squeeze=False)
    for column, (title, chosen) in enumerate(columns):
        for row in range(rows):
            axes = grid[row, column]
            if row >= len(chosen):
                axes.set_visible(False)
                continue
            _style(axes, theme)
            _timeline(axes, evaluation.videos[chosen[row]], theme=theme, share=evaluation.pairs[chosen[row]])
            if row == 0:
                axes.annotate(
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
    return _png(figure)


def ranking(evaluation: Evaluation) -> list[int]:
    """Positions of the videos, the one that costs most first."""
    costs = []
    for video, share in zip(evaluation.videos, evaluation.pairs, strict=True):
        distance = abs(float(video.video.is_anomalous) - float(video.video_score.mean()))
        costs.append(distance if share is None else 1 - share)
    return sorted(
        range(len(costs)), key=lambda index: (-costs[index], evaluation.videos[index].video.video_id)
    )


def thinned(values: np.ndarray, columns: int = COLUMNS) -> tuple[np.ndarray, np.ndarray]:
    """Frame positions and scores of at most `columns` points: the highest score of each stretch, so that no
    peak is lost."""
    edges = np.unique(np.linspace(0, len(values), min(columns, len(values)) + 1).astype(int))
    return edges[:-1], np.maximum.reduceat(values, edges[:-1])


def _roc(axes: Axes, evaluation: Evaluation, name: str, *, color: str, dashes: str) -> None:
    videos = (
        evaluation.videos
        if name != "anomalous videos only"
        else [v for v in evaluation.videos if v.video.is_anomalous]
    )
    if name == "videos":
        labels = np.array([float(video.video.is_anomalous) for video in videos])
        rows = np.stack([video.video_score for video in videos], axis=1)
    else:
        labels = np.concatenate([video.label for video in videos])
        rows = np.concatenate([video.frame_score for video in videos], axis=1)
    measure = {"all videos": "frame_auc", "videos": "video_auc"}.get(name, "frame_auc_abnormal")
    summary = evaluation.summaries[measure]
    curves = []
    for row in rows:
        curves.append(_on_grid(*roc_points(labels, row)))
        if len(rows) > 1:
            axes.plot(GRID, curves[-1], color=color, linewidth=0.8, alpha=0.45, linestyle=dashes)
    spread = f" ± {summary.std:.3f}" if len(rows) > 1 else ""
    axes.plot(
        GRID,
        np.mean(curves, axis=0),
        color=color,
        linewidth=2.2,
        linestyle=dashes,
        label=f"{name}: {summary.mean:.3f}{spread}",
    )


def _on_grid(false_rate: np.ndarray, true_rate: np.ndarray) -> np.ndarray:
    last = np.r_[np.diff(false_rate) > 0, True]  # at a vertical step the curve is at its upper end
    on_grid = np.interp(GRID, false_rate[last], true_rate[last])
    on_grid[0] = 0.0
    return on_grid


def _oracle(axes: Axes, evaluation: Evaluation, theme: Theme) -> None:
    value = evaluation.oracle["oracle_frame_auc"].value
    if value is None:
        return
    negatives = evaluation.frames - evaluation.positives
    alarms = sum(int((video.label == 0).sum()) for video in evaluation.videos if video.video.is_anomalous)
    corner = alarms / negatives
    axes.plot([0, corner, 1], [0, 1, 1], color=theme.oracle, linewidth=1.1, linestyle=(0, (1, 1.5)))
    axes.plot(
        [corner],
        [1],
        color=theme.oracle,
        marker="D",
        markersize=6,
        linestyle=(0, (1, 1.5)),
        clip_on=False,
        label=f"video-level oracle: {value:.3f}",
    )


def _timeline(axes: Axes, video: ScoredVideo, *, theme: Theme, share: float | None) -> None:
    if video.label is not None:
        edges = np.flatnonzero(np.diff(np.r_[0, video.label.astype(int), 0]))
        for start, stop in edges.reshape(-1, 2):
            axes.axvspan(start, stop, color=theme.truth, alpha=0.35, linewidth=0)
    if len(video.frame_score) > 1:
        frames, low = thinned(-video.frame_score.min(axis=0))
        axes.fill_between(
            frames,
            -low,
            thinned(video.frame_score.max(axis=0))[1],
            color=theme.all_videos,
            alpha=0.25,
            linewidth=0,
            step="post",
        )
    frames, scores = thinned(video.mean_score)
    axes.step(
        np.r_[frames, video.num_frames],
        np.r_[scores, scores[-1]],
        where="post",
        color=theme.all_videos,
        linewidth=1.3,
    )
    axes.set_xlim(0, video.num_frames)
    low, high = float(video.frame_score.min()), float(video.frame_score.max())
    axes.set_ylim(min(0.0, low) - 0.02 * (high - low), max(1.0, high) * 1.02)
    name = video.video.video_id if len(video.video.video_id) <= 44 else "…" + video.video.video_id[-43:]
    order = "" if share is None else f"  ({share:.0%} of pairs in order)"
    axes.set_title(name.replace("$", r"\$") + order, fontsize=8.5, loc="left", color=theme.ink, pad=3)
    axes.tick_params(labelsize=8)


def _canvas(width: float, height: float, *, theme: Theme) -> tuple[Figure, Axes]:
    figure = Figure(figsize=(width, height), dpi=110, facecolor=theme.background, layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.subplots()
    _style(axes, theme)
    return figure, axes


def _style(axes: Axes, theme: Theme) -> None:
    axes.set_facecolor(theme.background)
    axes.tick_params(colors=theme.ink, labelcolor=theme.ink)
    axes.xaxis.label.set_color(theme.ink)
    axes.yaxis.label.set_color(theme.ink)
    for side, spine in axes.spines.items():
        spine.set_color(theme.faint)
        spine.set_visible(side in ("left", "bottom"))


def _png(figure: Figure) -> bytes:
    image = io.BytesIO()
    figure.savefig(image, format="png", facecolor=figure.get_facecolor())
    return image.getvalue()
