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


def num_instances(num_segments: int, segments: SegmentsConfig) -> int:
    """T, of a video of N segments."""
    if segments.mode == "mean":
        return segments.n
    return min(num_segments, segments.n) if segments.mode == "uniform" else num_segments


def cuts(num_segments: int, segments: SegmentsConfig) -> np.ndarray:
    """Where a video may be cut so that no instance lies across, ascending, its end included."""
    if segments.mode != "mean":
        return np.arange(1, num_segments + 1)
    starts = part_bounds(num_segments, segments.n, rule=segments.rule)[:, 0]
    return np.union1d(starts[starts > 0], num_segments)


def described(
    rows: np.ndarray, segments: SegmentsConfig, *, median: np.ndarray | None = None, led: bool = False
) -> np.ndarray:
    """What stands for each segment: [N, ..., D] -> float32 [N, ..., D], or [N, ..., 2 D] with changes added.

    The first segment takes the change of the second; one alone has none. Of rows that are not all of the video,
    median is the video's own, and led says that the first row is the one before them, which only changes need.
    """
    rows = np.asarray(rows, dtype=np.float32)
    if segments.centre == "video" and len(rows):
        rows = rows - (np.median(rows, axis=0) if median is None else median)
    if segments.changes == "none":
        return rows
    changes = np.abs(np.diff(rows, axis=0))
    if led:
        rows = rows[1:]
    else:
        changes = np.concatenate([changes[:1], changes]) if len(changes) else np.zeros_like(rows)
    return changes if segments.changes == "only" else np.concatenate([rows, changes], axis=-1)


def pool(
    rows: np.ndarray, segments: SegmentsConfig, *, first: int = 0, num_segments: int | None = None
) -> np.ndarray:
    """The instances of a video: [N, ...] -> [T, ...], float32. "crop" and "none" leave all N.

    first, num_segments: of a video that has so many, the rows are those from the first on, up to one of its cuts.
    """
    rows = np.asarray(rows, dtype=np.float32)
    if segments.keeps_all:
        return rows
    count, end = num_segments or len(rows), first + len(rows)
    if segments.mode == "uniform":
        places = picked(count, segments.n)
        return rows[places[(places >= first) & (places < end)] - first]
    bounds = part_bounds(count, segments.n, rule=segments.rule)
    bounds = bounds[(bounds[:, 0] >= first) & (bounds[:, 0] < end)] - first
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
    steps = np.zeros(
        (2, num_segments + 1)
    )  # of the running sums of scores, and of the parts that cover a segment
    for row, values in zip(steps, (np.asarray(score, dtype=np.float64), np.ones(len(bounds))), strict=True):
        np.add.at(row, bounds[:, 0], values)
        np.add.at(row, bounds[:, 1], -values)
    total, covering = np.cumsum(steps, axis=1)[:, :-1]
    covered = np.round(covering) > 0
    mean = np.divide(total, covering, out=np.zeros(num_segments), where=covered)
    last = np.maximum.accumulate(np.where(covered, np.arange(num_segments), 0))
    return mean[last].clip(0.0, 1.0).astype(np.float32)
