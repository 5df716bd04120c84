"""Compact traces of training videos, by which copies of them are found among test videos.

A trace is what the features of a video do along its time: 16 equal stretches, standardised, as 32 random
signed sums (Johnson and Lindenstrauss). Re-encoding, scaling and trimming by a few frames leave it nearly as
it was; another clip of the same camera has the same mean but moves otherwise, so likeness asks for both.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache

import numpy as np
import torch

from extract.store import FeatureSpec, VideoFeatures
from score.pooling.modalities import side_by_side
from score.pooling.moments import Moments
from score.pooling.pooled_video import PooledVideo, crops_joined
from score.pooling.time_bins import STRETCHES, stretch

SUMS = 32
LIMIT = 3.0  # deviations; a single huge feature must not decide
FEWEST_SEGMENTS = 8  # fewer say too little about time
# Measured on motion features: copies of videos of 12 s have 0.90 to 0.98, of 6 s 0.56 to 0.97; 9,400 pairs of
# other videos, of the same static camera among them, at most 0.79. Features of untrained networks, in which
# brightness alone decides, are alike in any case: there the limit follows the pairs of training videos.
ALIKE = 0.85
USUAL_PAIRS, USUAL_SHARE = 2000, 99  # of that limit: pairs looked at, percentile that counts as usual
FEWEST_PAIRS = 50
NEAR = 0.3  # without aligning a trimmed copy; far below what copies have
LENGTHS_APART, FRAMES_APART = 0.02, 16  # copies are as long but for this share, or these frames


@dataclass(frozen=True)
class Trace:
    """One video. sha256: of its file, "" where unknown. steps: float32 [16, 32]."""

    video_id: str
    sha256: str
    num_frames: int
    num_segments: int
    steps: np.ndarray


@dataclass(frozen=True)
class Fingerprints:
    """traces: of the videos of training and validation. mean, deviation: of their features, float32 [D]."""

    traces: tuple[Trace, ...]
    mean: np.ndarray
    deviation: np.ndarray

    @cached_property
    def limit(self) -> float:
        """The likeness from which two videos are taken for copies: two thirds of the way from what is usual
        among training videos of one length to 1, at least ALIKE."""
        ordered = sorted(self.traces, key=lambda trace: trace.num_frames)
        found: list[float] = []
        for step in range(1, len(ordered)):
            for one, other in zip(ordered, ordered[step:], strict=False):
                if len(found) < USUAL_PAIRS and (alike := likeness(one, other)) is not None:
                    found.append(alike)
        usual = float(np.percentile(found, USUAL_SHARE)) if len(found) >= FEWEST_PAIRS else 0.0
        return round(max(ALIKE, usual + (1 - usual) * 2 / 3), 3)

    @cached_property
    def _directions(self) -> np.ndarray:
        """Steps of all traces at length one, [V, 16 * 32]."""
        steps = np.stack([trace.steps for trace in self.traces])
        lengths = np.linalg.norm(steps, axis=2, keepdims=True)
        return (steps / np.maximum(lengths, 1e-12)).reshape(len(steps), -1)

    def near(self, trace: Trace) -> list[Trace]:
        """Those of the same length that may be like it: a look before the closer one of `likeness`."""
        if not self.traces:
            return []
        lengths = np.linalg.norm(trace.steps, axis=1, keepdims=True)
        cosine = self._directions @ (trace.steps / np.maximum(lengths, 1e-12)).ravel() / STRETCHES
        return [
            self.traces[place]
            for place in np.flatnonzero(cosine >= NEAR)
            if as_long(self.traces[place], trace)
        ]

    def trace(self, parts: Sequence[VideoFeatures], specs: Sequence[FeatureSpec]) -> Trace:
        """Of another video, to compare with these."""
        rows, first = crops_joined(side_by_side(parts, specs)), parts[0]
        sha256 = str(first.source.get("sha256", ""))
        raw = Trace(first.video_id, sha256, first.num_frames, len(rows), stretch(rows))
        return _trace(raw, self.mean, self.deviation)

    def to_dict(self) -> dict:
        """Plain values and tensors, for a checkpoint."""
        traces = self.traces
        steps = np.stack([each.steps for each in traces]) if traces else np.zeros((0, STRETCHES, SUMS))
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
        """Raises KeyError, TypeError or ValueError for values of something else."""
        steps = values["steps"].numpy().astype(np.float32)
        columns = [values[name] for name in ("video_ids", "sha256", "num_frames", "num_segments")]
        if steps.shape[1:] != (STRETCHES, SUMS):
            raise ValueError(f"traces have shape {list(steps.shape)}, expected [V, {STRETCHES}, {SUMS}]")
        rows = zip(*columns, steps, strict=True)
        traces = tuple(
            Trace(str(name), str(sha), int(frames), int(n), row) for name, sha, frames, n, row in rows
        )
        return cls(traces, values["mean"].numpy(), values["deviation"].numpy())


class Collector:
    """Takes what training reads, video by video in order, and makes fingerprints of it when it has seen all."""

    def __init__(self):
        self._raw: list[Trace] = []
        self._moments = Moments()

    def add(self, video: PooledVideo) -> None:
        """One more video."""
        self._moments.merge(video.crop_moments)
        # with the features themselves as steps, [16, D]
        self._raw.append(
            Trace(video.video_id, video.sha256, video.num_frames, video.num_segments, video.stretches)
        )

    def finish(self) -> Fingerprints:
        mean = np.asarray(self._moments.mean, np.float32)
        spread = np.sqrt(self._moments.squares / self._moments.count)
        deviation = np.where(spread > 1e-6 * np.maximum(np.abs(mean), 1e-6), spread, 1.0).astype(np.float32)
        return Fingerprints(tuple(_trace(raw, mean, deviation) for raw in self._raw), mean, deviation)


def likeness(one: Trace, other: Trace) -> float | None:
    """How far two videos do the same at the same time, at most 1: the mean over stretches of the cosine, of
    the features themselves and of their distance from the video's own mean, the lower of the two. Of the longer
    video those parts are tried that are as long as the other. None where lengths or segments rule it out.
    """
    if min(one.num_segments, other.num_segments) < FEWEST_SEGMENTS or not as_long(one, other):
        return None
    longer, shorter = (one, other) if one.num_frames >= other.num_frames else (other, one)
    left = 1 - shorter.num_frames / longer.num_frames
    parts = {(0.0, 1.0), (left, 1.0), (0.0, 1 - left), (left / 2, 1 - left / 2)}
    return max(_alike(stretch(longer.steps, *part), shorter.steps) for part in parts)


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
    """float32 [size, 32] of +1 and -1; the same everywhere, numpy keeps raw streams stable."""
    words = np.random.PCG64(0).random_raw(size).astype(np.uint64)
    bits = words[:, None] >> np.arange(SUMS, dtype=np.uint64) & np.uint64(1)
    return bits.astype(np.float32) * 2 - 1
