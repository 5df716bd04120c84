"""Compact traces of training videos, by which copies of them are found among test videos.

A trace is how the features of a video change over time: the means of 16 equal time bins, standardised and
projected to 32 random signed sums (Johnson and Lindenstrauss). Re-encoding, scaling and trimming by a few
frames hardly move it. Another clip of the same camera has the same mean but changes differently, so likeness
compares both.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache

import numpy as np
import torch

from extract.store import FeatureSpec, VideoFeatures
from score.pooling.modalities import features_by_modality
from score.pooling.moments import Moments
from score.pooling.pooled_video import PooledVideo, crops_joined
from score.pooling.time_bins import TIME_BINS, time_bin_means

SUMS = 32
LIMIT = 3.0  # standard deviations; a single huge feature must not decide
FEWEST_SEGMENTS = 8  # fewer say too little about time
# Measured on motion features: copies of 12 s videos score 0.90 to 0.98, of 6 s videos 0.56 to 0.97; 9,400
# pairs of other videos, some of the same static camera, score at most 0.79. Features of untrained networks
# follow brightness alone and are always alike, so there the limit is derived from the pairs of training
# videos.
ALIKE = 0.85
# For that limit: how many pairs to compare, and which percentile of them stands for unrelated videos.
UNRELATED_PAIRS, UNRELATED_PERCENTILE = 2000, 99
FEWEST_PAIRS = 50
NEAR = 0.3  # cosine before a trimmed copy is aligned; far below the cosine of copies
# How much the lengths of a video and its copy may differ: this share, or this many frames.
LENGTHS_APART, FRAMES_APART = 0.02, 16


@dataclass(frozen=True)
class Trace:
    """One video. sha256: of its file, "" if unknown. steps: float32 [16, 32], a row per time bin."""

    video_id: str
    sha256: str
    num_frames: int
    num_segments: int
    steps: np.ndarray


@dataclass(frozen=True)
class Fingerprints:
    """traces: of training and validation videos. mean, deviation: of their features, float32 [D]."""

    traces: tuple[Trace, ...]
    mean: np.ndarray
    deviation: np.ndarray

    @cached_property
    def limit(self) -> float:
        """The likeness from which two videos count as copies.

        Two thirds of the way from the likeness of unrelated training videos of one length to 1, at least
        ALIKE.
        """
        ordered = sorted(self.traces, key=lambda trace: trace.num_frames)
        found: list[float] = []
        for step in range(1, len(ordered)):
            for one, other in zip(ordered, ordered[step:], strict=False):
                if len(found) < UNRELATED_PAIRS and (alike := likeness(one, other)) is not None:
                    found.append(alike)
        unrelated = float(np.percentile(found, UNRELATED_PERCENTILE)) if len(found) >= FEWEST_PAIRS else 0.0
        return round(max(ALIKE, unrelated + (1 - unrelated) * 2 / 3), 3)

    @cached_property
    def _directions(self) -> np.ndarray:
        """The steps of all traces scaled to length one, [V, 16 * 32]."""
        steps = np.stack([trace.steps for trace in self.traces])
        lengths = np.linalg.norm(steps, axis=2, keepdims=True)
        return (steps / np.maximum(lengths, 1e-12)).reshape(len(steps), -1)

    def near(self, trace: Trace) -> list[Trace]:
        """Traces of the same length that may be alike: a quick filter before `likeness`."""
        if not self.traces:
            return []
        lengths = np.linalg.norm(trace.steps, axis=1, keepdims=True)
        cosine = self._directions @ (trace.steps / np.maximum(lengths, 1e-12)).ravel() / TIME_BINS
        return [
            self.traces[place]
            for place in np.flatnonzero(cosine >= NEAR)
            if as_long(self.traces[place], trace)
        ]

    def trace(self, parts: Sequence[VideoFeatures], specs: Sequence[FeatureSpec]) -> Trace:
        """The trace of another video, to compare with these."""
        rows, first = crops_joined(features_by_modality(parts, specs)), parts[0]
        sha256 = str(first.source.get("sha256", ""))
        raw = Trace(first.video_id, sha256, first.num_frames, len(rows), time_bin_means(rows))
        return _trace(raw, self.mean, self.deviation)

    def to_dict(self) -> dict:
        """Plain values and tensors, for a checkpoint."""
        traces = self.traces
        steps = np.stack([each.steps for each in traces]) if traces else np.zeros((0, TIME_BINS, SUMS))
        return {
            "video_ids": [each.video_id for each in traces],
            "sha256": [each.sha256 for each in traces],
            "num_frames": [each.num_frames for each in traces],
            "num_segments": [each.num_segments for each in traces],
            "steps": torch.from_numpy(steps.astype(np.float16)),
            "mean": torch.from_numpy(self.mean),
            "deviation": torch.from_numpy(self.deviation),
        }

    @classmethod
    def from_dict(cls, values: Mapping) -> Fingerprints:
        """The inverse of to_dict. Raises KeyError, TypeError or ValueError for other values."""
        steps = values["steps"].numpy().astype(np.float32)
        columns = [values[name] for name in ("video_ids", "sha256", "num_frames", "num_segments")]
        if steps.shape[1:] != (TIME_BINS, SUMS):
            raise ValueError(f"traces have shape {list(steps.shape)}, expected [V, {TIME_BINS}, {SUMS}]")
        mean, deviation = values["mean"].numpy(), values["deviation"].numpy()
        if mean.shape != deviation.shape or mean.ndim != 1 or not (deviation > 0).all():
            raise ValueError("mean and deviation of the traces are no numbers of one video feature each")
        if not all(np.isfinite(each).all() for each in (steps, mean, deviation)):
            raise ValueError("traces hold numbers that are NaN or infinite")
        rows = zip(*columns, steps, strict=True)
        traces = tuple(
            Trace(str(name), str(sha), int(frames), int(n), row) for name, sha, frames, n, row in rows
        )
        return cls(traces, mean, deviation)


class Collector:
    """Takes the videos that training reads, in order, and makes fingerprints once it has seen them all."""

    def __init__(self):
        self._raw: list[Trace] = []
        self._moments = Moments()

    def add(self, video: PooledVideo) -> None:
        self._moments.merge(video.crop_moments)
        # Steps are the features themselves, [16, D], until mean and deviation are known.
        self._raw.append(
            Trace(video.video_id, video.sha256, video.num_frames, video.num_segments, video.time_bins)
        )

    def finish(self) -> Fingerprints:
        mean = np.asarray(self._moments.mean, np.float32)
        spread = np.sqrt(self._moments.squares / self._moments.count)
        deviation = np.where(spread > 1e-6 * np.maximum(np.abs(mean), 1e-6), spread, 1.0).astype(np.float32)
        return Fingerprints(tuple(_trace(raw, mean, deviation) for raw in self._raw), mean, deviation)


def likeness(one: Trace, other: Trace) -> float | None:
    """How alike two videos are over time, at most 1; None if their lengths rule a copy out.

    The mean cosine over time bins, once of the features and once of their deviation from the video's own
    mean; the lower of the two counts. A longer video is compared by its start, its middle and its end, each
    as long as the shorter video, because a copy may be trimmed at either side.
    """
    if min(one.num_segments, other.num_segments) < FEWEST_SEGMENTS or not as_long(one, other):
        return None
    longer, shorter = (one, other) if one.num_frames >= other.num_frames else (other, one)
    left = 1 - shorter.num_frames / longer.num_frames
    parts = {(0.0, 1.0), (left, 1.0), (0.0, 1 - left), (left / 2, 1 - left / 2)}
    return max(_alike(time_bin_means(longer.steps, *part), shorter.steps) for part in parts)


def as_long(one: Trace, other: Trace) -> bool:
    """Whether one may be a trimmed copy of the other."""
    longest = max(one.num_frames, other.num_frames)
    return abs(one.num_frames - other.num_frames) <= max(FRAMES_APART, LENGTHS_APART * longest)


def _alike(one: np.ndarray, other: np.ndarray) -> float:
    return min(_cosine(one, other), _cosine(one - one.mean(axis=0), other - other.mean(axis=0)))


def _cosine(one: np.ndarray, other: np.ndarray) -> float:
    lengths = np.linalg.norm(one, axis=1) * np.linalg.norm(other, axis=1)
    return float(((one * other).sum(axis=1) / np.maximum(lengths, 1e-12)).mean())


def _trace(raw: Trace, mean: np.ndarray, deviation: np.ndarray) -> Trace:
    scaled = np.clip((raw.steps - mean) / deviation, -LIMIT, LIMIT)
    steps = (scaled @ _signs(len(mean)) / np.sqrt(SUMS)).astype(np.float16).astype(np.float32)
    return Trace(raw.video_id, raw.sha256, raw.num_frames, raw.num_segments, steps)


@lru_cache(maxsize=4)
def _signs(size: int) -> np.ndarray:
    """float32 [size, 32] of +1 and -1; the same on every machine, because numpy keeps raw streams stable."""
    words = np.random.PCG64(0).random_raw(size).astype(np.uint64)
    bits = words[:, None] >> np.arange(SUMS, dtype=np.uint64) & np.uint64(1)
    return bits.astype(np.float32) * 2 - 1
