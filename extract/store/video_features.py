"""One video's features: the record in memory and its invariants."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from extract.runtime.foreign.printable import printable
from extract.store.spec import FeatureSpec

# What is worth knowing of a video that was extracted -> how a line about several videos ends.
REMARKS = {
    "messages": "with decoder messages",
    "incomplete": "that were only partly decoded",
    "missing": "with missing images",
    "clock": "whose times were repaired",
    "streams": "with several video streams",
    "mute": "without sound, whose rows are zero",
    "partly_mute": "whose sound covers a part of their picture, with rows of zeros for the rest",
    "header": "with another number of frames than their header states",
}
FEWEST_APART = 3  # frames by which a header may differ: containers count them in different ways


class StoreError(Exception):
    """A store or some of its files cannot be used; the message has a printable line for each problem."""

    def __init__(self, *lines: str):
        self.lines = lines
        # Names of stores may hold line breaks, too.
        super().__init__("\n".join(map(printable, lines)))

    def __reduce__(self):
        return type(self), self.lines


@dataclass(frozen=True)
class VideoFeatures:
    """What a store keeps of one video."""

    video_id: str
    # float [N, C, D]; None if a preset computes other arrays only, or if only the header was read.
    features: np.ndarray | None
    # int64 [N, 2]: segment n covers decoded frames [start, stop).
    frame_span: np.ndarray
    # float64 [N, 2]: the same in seconds.
    time_span: np.ndarray
    # Decoded frames.
    num_frames: int
    # Frames per second, 0 where unknown.
    fps: float = 0.0
    # Pixels of the decoded frames.
    width: int = 0
    height: int = 0
    # Decoder, the header's frame count, messages, missing frames.
    decode: dict = field(default_factory=dict)
    # Relative path, bytes, sha256.
    source: dict = field(default_factory=dict)
    # Versions, precision check, batch shape.
    provenance: dict = field(default_factory=dict)
    # Additional named arrays [N, ...], or objects that are sliced like them (extract.pipeline.spool).
    arrays: Mapping[str, Any] = field(default_factory=dict)

    @property
    def num_segments(self) -> int:
        return len(self.frame_span)

    def __repr__(self) -> str:
        shape = None if self.features is None else self.features.shape
        return f"VideoFeatures({self.video_id!r}, features {shape}, {self.num_frames} frames)"


def check(video: VideoFeatures, spec: FeatureSpec, *, where: str) -> None:
    """Raise StoreError, beginning with `where`, unless the arrays agree with each other and the spec."""
    count = video.num_segments
    problems = [] if count else ["it has no segment"]
    for name in ("frame_span", "time_span"):
        shape = getattr(video, name).shape
        if shape != (count, 2):
            problems.append(f"{name} has shape {list(shape)}, expected [{count}, 2]")
    problems += _array_problems(video, spec)
    if not problems and not are_ascending(video.frame_span, stop=video.num_frames):
        problems.append(f"frame spans are not ascending ranges within {video.num_frames} frames")
    if not problems and not np.isfinite(video.time_span).all():
        problems.append("time spans hold NaN or infinite values")
    if problems:
        raise StoreError(f"{where}: {'; '.join(problems)}")


def _array_problems(video: VideoFeatures, spec: FeatureSpec) -> list[str]:
    count, problems = video.num_segments, []
    if video.features is not None:
        expected = (count, spec.num_crops, spec.feature_dim)
        if video.features.shape != expected:
            problems.append(f"features have shape {list(video.features.shape)}, expected {list(expected)}")
        elif not np.abs(video.features).max() <= np.finfo(spec.dtype).max:  # "not <=" because NaN fails both
            problems.append(f"features hold NaN or infinite values as {spec.dtype}")
    elif not spec.arrays:
        problems.append("it has neither features nor other arrays")
    if set(video.arrays) != set(spec.arrays):
        problems.append(f"arrays are {sorted(video.arrays)}, expected {sorted(spec.arrays)}")
    problems += [
        f"{name} has {len(rows)} rows, expected {count}"
        for name, rows in video.arrays.items()
        if len(rows) != count
    ]
    return problems


def are_ascending(spans: np.ndarray, *, stop: int) -> bool:
    """Whether spans int [N, 2] are not empty, start in order and lie within [0, stop]."""
    starts, stops = np.asarray(spans).T
    in_order = (starts >= 0).all() and (stops > starts).all() and (np.diff(starts) >= 0).all()
    return bool(in_order and stops.max() <= stop)


def remarks_of(decode: Mapping[str, Any], num_frames: int) -> list[str]:
    """Keys of REMARKS that hold for a video. decode: as in its file."""
    header, sound = decode.get("header_num_frames"), decode.get("sound")
    sound = sound if isinstance(sound, dict) else {"stream": 0}
    holds = {
        "messages": bool(decode.get("messages")),
        "incomplete": not decode.get("complete", True),
        "missing": bool(decode.get("missing_frames")),
        "clock": bool(decode.get("clock")),
        "streams": bool(decode.get("other_streams")),
        "mute": sound.get("stream") is None,
        "partly_mute": sound.get("stream") is not None and bool(sound.get("silent_segments")),
        "header": isinstance(header, int) and abs(header - num_frames) > max(FEWEST_APART, 0.02 * header),
    }
    return [key for key, value in holds.items() if value]
