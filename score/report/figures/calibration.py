"""Calibration: how many frames of each score are anomalous (a reliability diagram)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from matplotlib.figure import Figure

from score.evaluation.evaluation import Evaluation
from score.report.figures.material import Material
from score.report.figures.theme import Theme, canvas, legend, style

BINS = 10


@dataclass(frozen=True)
class Calibration:
    """Per bin of scores: how many frames, their mean score, and their anomalous share (NaN for no frame)."""

    frames: np.ndarray
    score: np.ndarray
    share: np.ndarray

    @property
    def error(self) -> float:
        """Expected calibration error: the mean distance of score and share, weighted by frames."""
        filled = self.frames > 0
        distance = np.abs(self.score - self.share)[filled]
        return float((distance * self.frames[filled]).sum() / self.frames.sum())


def calibrate(labels: np.ndarray, scores: np.ndarray, *, bins: int = BINS) -> Calibration:
    """labels: 0 or 1, [F]. scores: in [0, 1], [F]; bins of equal width, 1.0 is in the last."""
    # A score of 1.0 belongs to the last bin.
    place = np.minimum((scores * bins).astype(int), bins - 1)
    frames = np.bincount(place, minlength=bins)
    with np.errstate(invalid="ignore", divide="ignore"):
        score = np.bincount(place, weights=scores, minlength=bins) / frames
        share = np.bincount(place, weights=labels, minlength=bins) / frames
    return Calibration(frames, score, share)


def calibration_of(evaluation: Evaluation) -> Calibration | None:
    """Over the frames of all seeds together; None without frame truth or for scores outside [0, 1]."""
    if evaluation.labels is None:
        return None
    labels = np.concatenate(evaluation.labels)
    scores = np.concatenate([video.frame_score for video in evaluation.videos], axis=1)  # [S, F]
    if scores.min() < 0 or scores.max() > 1:
        return None
    return calibrate(np.tile(labels, len(scores)), scores.ravel())


def calibration(material: Material, theme: Theme) -> Figure | None:
    found = calibration_of(material.evaluation)
    if found is None:
        return None
    figure = canvas(5.0, 4.4, theme)
    upper, lower = figure.subplots(2, 1, sharex=True, height_ratios=(3, 1))
    for axes in (upper, lower):
        style(axes, theme)
    upper.plot(
        [0, 1], [0, 1], color=theme.faint, linewidth=1, linestyle=(0, (2, 3)), label="perfect calibration"
    )
    filled = found.frames > 0
    upper.plot(
        found.score[filled],
        found.share[filled],
        color=theme.all_videos,
        linewidth=2,
        marker="o",
        label=f"scores; calibration error {found.error:.3f}",
    )
    upper.set_ylabel("anomalous share")
    upper.set_xlim(0, 1)
    upper.set_ylim(-0.02, 1.02)
    legend(upper, theme, "upper left")
    edges = np.arange(BINS) / BINS
    lower.bar(
        edges,
        found.frames / found.frames.sum(),
        width=0.94 / BINS,
        align="edge",
        color=theme.all_videos,
        alpha=0.6,
    )
    lower.set_ylabel("frames")
    lower.set_xlabel("score")
    return figure
