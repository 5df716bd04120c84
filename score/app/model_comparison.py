"""Where two models agree on one video."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from score.predict.timeline import Timeline

POINTS = 400  # per curve, few enough to draw quickly


class Agreement(NamedTuple):
    """Seconds in which models raise alarms, and the correlation of their scores, None if one is constant."""

    both: float
    first_only: float
    second_only: float
    neither: float
    correlation: float | None

    @property
    def share(self) -> float:
        """The share of the video in which both models say the same, in [0, 1]."""
        return (self.both + self.neither) / max(sum(self[:4]), 1e-9)


def agreement(first: Timeline, second: Timeline, *, thresholds: tuple[float, float]) -> Agreement:
    """The agreement, without merging gaps. Raises ValueError for timelines of two videos."""
    seconds, scores = side_by_side(first, second)
    lengths = np.diff(seconds)
    one, other = (score >= threshold for score, threshold in zip(scores, thresholds, strict=True))
    mean = scores @ lengths / max(lengths.sum(), 1e-9)
    centred = scores - mean[:, None]
    # Weighted by seconds, because runs differ in length.
    variance = centred**2 @ lengths
    correlation = None
    if (variance > 1e-12).all():
        correlation = float((centred[0] * centred[1]) @ lengths / np.sqrt(variance.prod()))
    return Agreement(
        both=float(lengths[one & other].sum()),
        first_only=float(lengths[one & ~other].sum()),
        second_only=float(lengths[~one & other].sum()),
        neither=float(lengths[~one & ~other].sum()),
        correlation=correlation,
    )


def side_by_side(first: Timeline, second: Timeline) -> tuple[np.ndarray, np.ndarray]:
    """(edges of the runs of both, float64 [R + 1] seconds; scores, float64 [2, R])."""
    if first.num_frames != second.num_frames:
        raise ValueError(f"{first.num_frames} and {second.num_frames} frames: these are two videos")
    frame = np.union1d(first.frame, second.frame)
    scores = np.stack(
        [each.score[np.searchsorted(each.frame, frame[:-1], side="right") - 1] for each in (first, second)]
    )
    return np.interp(frame, first.frame, first.seconds), scores


def curves(first: Timeline, second: Timeline, *, points: int = POINTS) -> tuple[np.ndarray, np.ndarray]:
    """(seconds, float64 [P]; the highest score of each model around them, float64 [2, P])."""
    seconds, scores = side_by_side(first, second)
    bounds = np.linspace(seconds[0], seconds[-1], min(points, scores.shape[1]) + 1)
    begin = (np.searchsorted(seconds, bounds[:-1], side="right") - 1).clip(0, scores.shape[1] - 1)
    end = np.searchsorted(seconds, bounds[1:], side="left").clip(begin + 1, scores.shape[1])
    highest = np.stack(
        [scores[:, start:stop].max(axis=1) for start, stop in zip(begin, end, strict=True)], axis=1
    )
    return (bounds[:-1] + bounds[1:]) / 2, highest
