"""Pooling rules: from the N segments of a video to the instances of its bag, and scores back to segments."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Literal

import numpy as np
from pydantic import Field

from score.settings import Count, settings

Changes = Literal["none", "add", "only"]


@settings
class SegmentsConfig:
    """How the instances of a bag are made of a video's segments."""

    # mean: n instances, each the mean of consecutive segments. uniform: n evenly spaced segments if there are
    # more. crop: n consecutive segments at a random place for training, all of them for scoring. none: all.
    mode: Literal["mean", "crop", "uniform", "none"] = "mean"
    n: Count = 32
    # A video of fewer than n segments in "mean": "repeat" makes n instances of them, "keep" takes them as
    # they are.
    short: Literal["repeat", "keep"] = "repeat"
    # Where the n parts of "mean" begin. floor: as in RTFM and the papers after it. sultani: as in the code of
    # the MIL paper (Sultani et al., CVPR 2018), which rounds and leaves the last segment out. round: floor,
    # but scores go back to segments by rounded bounds, as in the PyTorch port of that code.
    rule: Literal["floor", "sultani", "round"] = "floor"
    # Frame differences, |x_t - x_(t-1)| between neighbouring segments. add: in addition to the features.
    # only: instead. Of several stores each may have its own, {PRESET: only}; those not named have none.
    changes: Changes | dict[str, Changes] = "none"
    # video: subtract each feature's median over the video, which removes what a camera adds to every segment
    # (and an anomaly that fills most of the video).
    centre: Literal["none", "video"] = "none"
    # How stores are joined whose segments of a video differ; see score.pooling.segment_join. exact: not at
    # all, a difference is refused. cut: by the shorter. time: by the middle of each segment of the first.
    join: Literal["exact", "cut", "time"] = "exact"
    # Segments of a video that "cut" may leave out; more are refused.
    cut_at_most: Annotated[int, Field(ge=0)] = 2
    # What a row of zeros means. value: zeros. missing: this store knows nothing about the segment, as where a
    # video has no sound; the row counts in no mean or deviation, and a head gets zeros whatever those are.
    zeros: Literal["value", "missing"] = "value"

    def __post_init__(self):
        if self.short == "keep" and self.rule != "floor":
            raise ValueError(f"short is 'keep' with rule {self.rule!r}; use rule=floor")

    @property
    def keeps_all(self) -> bool:
        """Whether instances are the segments themselves."""
        return self.mode in ("crop", "none")

    @property
    def takes_changes(self) -> bool:
        """Whether any store gives frame differences."""
        kinds = self.changes.values() if isinstance(self.changes, Mapping) else [self.changes]
        return any(kind != "none" for kind in kinds)


def part_bounds(num_segments: int, n: int, *, rule: str) -> np.ndarray:
    """Segments [start, stop) of each of n parts, int64 [n, 2].

    An empty part takes the segment at its start.
    """
    if rule == "sultani":
        # MATLAB rounds halves up and counts from 1.
        edges = np.floor(np.linspace(1, num_segments, n + 1) + 0.5).astype(np.int64) - 1
    else:
        edges = np.linspace(0, num_segments, n + 1).astype(np.int64)
    starts = edges[:-1]
    return np.stack([starts, np.maximum(edges[1:], starts + 1)], axis=1)


def score_bounds(num_segments: int, n: int, *, rule: str) -> np.ndarray:
    """Segments [start, stop) that take the score of each of n parts, int64 [n, 2]; a part may have none."""
    if rule != "round":
        return part_bounds(num_segments, n, rule=rule)
    edges = np.round(np.linspace(0, num_segments, n + 1)).astype(np.int64)  # halves to the even number
    return np.stack([edges[:-1], edges[1:]], axis=1)


def picked(num_segments: int, n: int) -> np.ndarray:
    """The segments that "uniform" takes, int64 [min(n, N)]."""
    if num_segments <= n:
        return np.arange(num_segments)
    return np.linspace(0, num_segments - 1, n).astype(np.int64)


def num_instances(num_segments: int, segments: SegmentsConfig) -> int:
    """T for a video of N segments."""
    if segments.mode == "mean" and segments.short == "repeat":
        return segments.n
    return num_segments if segments.keeps_all else min(num_segments, segments.n)


def cuts(num_segments: int, segments: SegmentsConfig) -> np.ndarray:
    """Where a video may be cut without cutting an instance: ascending, with the end of the video."""
    if segments.mode != "mean":
        return np.arange(1, num_segments + 1)
    parts = num_instances(num_segments, segments)
    starts = part_bounds(num_segments, parts, rule=segments.rule)[:, 0]
    return np.union1d(starts[starts > 0], num_segments)


def with_changes(
    rows: np.ndarray,
    segments: SegmentsConfig,
    changes: Changes,
    *,
    median: np.ndarray | None = None,
    has_previous: bool = False,
) -> tuple[list[np.ndarray], list[np.ndarray]]:
    """(features, frame differences) of one store: each none or one float32 [N, ..., D] of rows [N, ..., D].

    Features are centred before. The first segment of a video repeats the difference of the second; a single
    segment has none. For one block of a video: median is the whole video's, and has_previous says that
    rows[0] is the segment before the block, which only the differences need.
    """
    rows = np.asarray(rows, dtype=np.float32)
    missing: np.ndarray | None = None
    if segments.zeros == "missing":
        missing = np.asarray((rows == 0).all(axis=-1))
    if segments.centre == "video" and len(rows):
        rows = rows - (np.median(rows, axis=0) if median is None else median)
        if missing is not None:
            rows[missing] = 0.0
    if changes == "none":
        return [rows[int(has_previous) :]], []
    differences = np.abs(np.diff(rows, axis=0))
    if missing is not None:
        differences[missing[1:] | missing[:-1]] = 0.0
    if has_previous:
        rows = rows[1:]
    elif len(differences):
        differences = np.concatenate([differences[:1], differences])
    else:
        differences = np.zeros_like(rows)
    return ([rows] if changes == "add" else []), [differences]


def pool(
    rows: np.ndarray, segments: SegmentsConfig, *, first: int = 0, num_segments: int | None = None
) -> np.ndarray:
    """The instances of a video: [N, ...] -> float32 [T, ...]. "crop" and "none" keep all N.

    For one block of a video of num_segments: rows begin at segment `first` and end at one of the video's
    cuts.
    """
    rows = np.asarray(rows, dtype=np.float32)
    if segments.keeps_all:
        return rows
    count, end = num_segments or len(rows), first + len(rows)
    if segments.mode == "uniform":
        places = picked(count, segments.n)
        return rows[places[(places >= first) & (places < end)] - first]
    bounds = part_bounds(count, num_instances(count, segments), rule=segments.rule)
    bounds = bounds[(bounds[:, 0] >= first) & (bounds[:, 0] < end)] - first
    lengths = (bounds[:, 1] - bounds[:, 0]).reshape(-1, *[1] * (rows.ndim - 1))
    # reduceat takes the row itself where the next start is not larger, which is the rule for an empty part.
    return np.add.reduceat(rows[: bounds[-1, 1]], bounds[:, 0], axis=0) / lengths.astype(np.float32)


def spread(score: np.ndarray, num_segments: int, segments: SegmentsConfig) -> np.ndarray:
    """Scores of instances [T] -> scores of the video's segments, float32 [N].

    A segment of several instances gets their mean; a segment of none gets the score of the segment before.
    """
    if segments.keeps_all:
        return np.asarray(score, dtype=np.float32)
    if segments.mode == "uniform":
        places = picked(num_segments, segments.n)
        middles = (places[1:] + places[:-1]) / 2
        return np.asarray(score, dtype=np.float32)[np.searchsorted(middles, np.arange(num_segments))]
    bounds = score_bounds(num_segments, num_instances(num_segments, segments), rule=segments.rule)
    # Differences of two step functions along the segments: summed scores, and how many instances cover each.
    steps = np.zeros((2, num_segments + 1))
    for row, values in zip(steps, (np.asarray(score, dtype=np.float64), np.ones(len(bounds))), strict=True):
        np.add.at(row, bounds[:, 0], values)
        np.add.at(row, bounds[:, 1], -values)
    total, covering = np.cumsum(steps, axis=1)[:, :-1]
    covered = np.round(covering) > 0
    mean = np.divide(total, covering, out=np.zeros(num_segments), where=covered)
    last = np.maximum.accumulate(np.where(covered, np.arange(num_segments), 0))
    return mean[last].clip(0.0, 1.0).astype(np.float32)
