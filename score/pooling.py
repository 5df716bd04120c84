"""From the N segments of a video to the instances of its bag, and scores back from instances to segments."""
from __future__ import annotations

from typing import Literal

import numpy as np

from score.settings import Count, settings


@settings
class SegmentsConfig:
    """How many instances a bag has.

    mode: "mean" averages the video's segments into n instances; "uniform" picks n of them where there are more;
    "crop" takes n neighbouring ones at a random place while training and all of them while scoring;
    "none" takes all.
    rule: where the n parts of "mean" begin: "floor" as in RTFM and its followers, "sultani" as in the code of
    the MIL paper (rounded; the last segment belongs to no part).
    changes: how much each feature changed since the segment before, |x_t - x_(t-1)|: "add" it beside the
    features or take it "only"; "none" leaves the features alone.
    centre: "video" takes each feature's median over the segments of the video away, so that what a camera adds
    to every segment of its videos is gone (and with it an anomaly that fills most of a video).
    """

    mode: Literal["mean", "crop", "uniform", "none"] = "mean"
    n: Count = 32
    rule: Literal["floor", "sultani"] = "floor"
    changes: Literal["none", "add", "only"] = "none"
    centre: Literal["none", "video"] = "none"

    @property
    def keeps_all(self) -> bool:
        """Whether instances are the segments themselves."""
        return self.mode in ("crop", "none")


def part_bounds(num_segments: int, n: int, *, rule: str) -> np.ndarray:
    """Segments [start, stop) of each of n parts, int64 [n, 2]; an empty part takes the one at its start."""
    if rule == "sultani":
        edges = np.floor(np.linspace(1, num_segments, n + 1) + 0.5).astype(np.int64) - 1  # halves up: MATLAB
    else:
        edges = np.linspace(0, num_segments, n + 1).astype(np.int64)
    starts = edges[:-1]
    return np.stack([starts, np.maximum(edges[1:], starts + 1)], axis=1)


def picked(num_segments: int, n: int) -> np.ndarray:
    """Which segments "uniform" takes, int64 [min(n, N)]."""
    if num_segments <= n:
        return np.arange(num_segments)
    return np.linspace(0, num_segments - 1, n).astype(np.int64)


def described(rows: np.ndarray, segments: SegmentsConfig) -> np.ndarray:
    """What stands for each segment: [N, ..., D] -> float32 [N, ..., D], or [N, ..., 2 D] with changes added.

    The first segment takes the change of the second; one alone has none.
    """
    rows = np.asarray(rows, dtype=np.float32)
    if segments.centre == "video" and len(rows):
        rows = rows - np.median(rows, axis=0)
    if segments.changes == "none":
        return rows
    changes = np.abs(np.diff(rows, axis=0))
    changes = np.concatenate([changes[:1], changes]) if len(changes) else np.zeros_like(rows)
    return changes if segments.changes == "only" else np.concatenate([rows, changes], axis=-1)


def pool(rows: np.ndarray, segments: SegmentsConfig) -> np.ndarray:
    """The instances of a video: [N, ...] -> [T, ...], float32. "crop" and "none" leave all N."""
    rows = np.asarray(rows, dtype=np.float32)
    if segments.keeps_all:
        return rows
    if segments.mode == "uniform":
        return rows[picked(len(rows), segments.n)]
    bounds = part_bounds(len(rows), segments.n, rule=segments.rule)
    lengths = (bounds[:, 1] - bounds[:, 0]).reshape(-1, *[1] * (rows.ndim - 1))
    # reduceat takes the row itself where the next start is not larger: the rule for a part without segments
    return np.add.reduceat(rows[: bounds[-1, 1]], bounds[:, 0], axis=0) / lengths.astype(np.float32)


def spread(score: np.ndarray, num_segments: int, segments: SegmentsConfig) -> np.ndarray:
    """Scores of instances [T] back on the video's own segments [N], float32.

    A segment that several instances cover gets their mean; one that none covers gets the nearest score before.
    """
    if segments.keeps_all:
        return np.asarray(score, dtype=np.float32)
    if segments.mode == "uniform":
        places = picked(num_segments, segments.n)
        middles = (places[1:] + places[:-1]) / 2
        return np.asarray(score, dtype=np.float32)[np.searchsorted(middles, np.arange(num_segments))]
    bounds = part_bounds(num_segments, segments.n, rule=segments.rule)
    steps = np.zeros((2, num_segments + 1))  # of the running sums of scores, and of the parts that cover a segment
    for row, values in zip(steps, (np.asarray(score, dtype=np.float64), np.ones(len(bounds))), strict=True):
        np.add.at(row, bounds[:, 0], values)
        np.add.at(row, bounds[:, 1], -values)
    total, covering = np.cumsum(steps, axis=1)[:, :-1]
    covered = np.round(covering) > 0
    mean = np.divide(total, covering, out=np.zeros(num_segments), where=covered)
    last = np.maximum.accumulate(np.where(covered, np.arange(num_segments), 0))
    return mean[last].clip(0.0, 1.0).astype(np.float32)
