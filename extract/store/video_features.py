"""One video's features: the record in memory, its law, and its form in an HDF5 group."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from typing import Literal

import h5py
import numpy as np

from extract.store.spec import FeatureSpec

FORMAT_VERSION = 1
CHUNK_SEGMENTS = 64  # 64 x 2048 float32 = 512 kB fits HDF5's default chunk cache of 1 MiB
CHUNK_BYTES = 1 << 20  # of further arrays, whose rows may be pictures
BLOCK_BYTES = 1 << 24  # read at once where a file is compared with what was written
RECORDS = ("decode", "source", "provenance")
NUMBERS = ("num_frames", "fps", "width", "height")


class StoreError(Exception):
    """A store or one of its files is not what it should be; the text is one line for a person."""


@dataclass(frozen=True)
class VideoFeatures:
    """What the store keeps of one video.

    features: float [N, C, D], or None where a preset makes other arrays only. frame_span: int64 [N, 2].
    time_span: float64 [N, 2], seconds. num_frames: decoded frames. fps: frames a second, 0 where unknown.
    width, height: pixels of the decoded frames. decode: decoder, header frame count, messages, missing frames.
    source: relative path, bytes, sha256. provenance: versions, precision check, batch shape.
    arrays: further named arrays [N, ...], or what is sliced like one (extract.pipeline.spool).
    """

    video_id: str
    features: np.ndarray | None
    frame_span: np.ndarray
    time_span: np.ndarray
    num_frames: int
    fps: float = 0.0
    width: int = 0
    height: int = 0
    decode: dict = field(default_factory=dict)
    source: dict = field(default_factory=dict)
    provenance: dict = field(default_factory=dict)
    arrays: dict[str, np.ndarray] = field(default_factory=dict)

    @property
    def num_segments(self) -> int:
        return len(self.frame_span)

    def __repr__(self) -> str:
        shape = None if self.features is None else self.features.shape
        return f"VideoFeatures({self.video_id!r}, features {shape}, {self.num_frames} frames)"


def check(video: VideoFeatures, spec: FeatureSpec, *, where: str) -> None:
    """Raise StoreError unless a video's arrays agree with each other and with the spec."""
    problems = []
    count = len(video.frame_span)
    if count == 0:
        problems.append("it has no segment")
    for name in ("frame_span", "time_span"):
        shape = getattr(video, name).shape
        if shape != (count, 2):
            problems.append(f"{name} has shape {list(shape)}, expected [{count}, 2]")
    if video.features is not None:
        expected = (count, spec.num_crops, spec.feature_dim)
        if video.features.shape != expected:
            problems.append(f"features have shape {list(video.features.shape)}, expected {list(expected)}")
        elif not np.abs(video.features).max() <= np.finfo(spec.dtype).max:  # not <=: NaN fails too
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
    if not problems:
        starts, stops = np.asarray(video.frame_span).T
        if (
            (starts < 0).any()
            or (stops <= starts).any()
            or (np.diff(starts) < 0).any()
            or stops.max() > video.num_frames
        ):
            problems.append(f"frame spans are not ascending ranges within {video.num_frames} frames")
    if problems:
        raise StoreError(f"{where}: {'; '.join(problems)}")


def write_group(
    group: h5py.Group, video: VideoFeatures, spec: FeatureSpec, *, compression: str | None = None
) -> None:
    """Write one video into an open file or group; the attribute `complete` comes last."""
    stored = as_stored(video, spec)
    for name, rows in _arrays(stored).items():
        most = (
            max(1, CHUNK_BYTES * len(rows) // max(rows.nbytes, 1))
            if name in stored.arrays
            else CHUNK_SEGMENTS
        )
        chunks = (min(len(rows), CHUNK_SEGMENTS, most), *rows.shape[1:])
        dataset = group.create_dataset(
            name, rows.shape, rows.dtype, chunks=chunks, fletcher32=True, compression=compression
        )
        for part in blocks(rows, multiple=chunks[0]):
            dataset[part] = rows[part]
    group.attrs["format_version"] = FORMAT_VERSION
    group.attrs["spec"] = spec.to_json()
    for name in NUMBERS:
        group.attrs[name] = getattr(stored, name)
    for name in RECORDS:
        group.attrs[name] = json.dumps(getattr(stored, name), sort_keys=True)
    group.attrs["complete"] = 1


def as_stored(video: VideoFeatures, spec: FeatureSpec) -> VideoFeatures:
    """The same with the types that the file will have."""
    return replace(
        video,
        features=None if video.features is None else np.ascontiguousarray(video.features, dtype=spec.dtype),
        frame_span=np.asarray(video.frame_span, dtype=np.int64),
        time_span=np.asarray(video.time_span, dtype=np.float64),
        num_frames=int(video.num_frames),
        fps=float(video.fps),
        width=int(video.width),
        height=int(video.height),
    )


def _arrays(video: VideoFeatures) -> dict[str, np.ndarray]:
    features = {} if video.features is None else {"features": video.features}
    return {**features, "frame_span": video.frame_span, "time_span": video.time_span, **video.arrays}


def holds(group: h5py.Group, video: VideoFeatures) -> bool:
    """Whether a written group has all arrays of a video, bit for bit; read in blocks."""
    arrays = _arrays(video)
    if {name for name in group if isinstance(group[name], h5py.Dataset)} != arrays.keys():
        return False
    for name, rows in arrays.items():
        if group[name].shape != rows.shape or group[name].dtype != rows.dtype:
            return False
        if not all(np.array_equal(group[name][part], rows[part]) for part in blocks(rows)):
            return False
    return True


def blocks(rows: np.ndarray, *, multiple: int = 1) -> Iterator[slice]:
    """Slices that cover an array in order, of about BLOCK_BYTES and a multiple of so many rows."""
    step = multiple * max(1, BLOCK_BYTES * len(rows) // max(rows.nbytes * multiple, 1))
    return (slice(start, min(start + step, len(rows))) for start in range(0, len(rows), step))


def read_rows(
    group: h5py.Group, video_id: str, names: Iterable[str], segments: slice
) -> dict[str, np.ndarray]:
    """Some segments of some arrays. Raises StoreError for an incomplete file and for an array that it has not."""
    _check_complete(group, video_id)
    if missing := sorted(set(names) - set(group)):
        raise StoreError(
            f"{video_id}: its file has no {', '.join(missing)}; it has {', '.join(sorted(group))}"
        )
    return {name: group[name][segments] for name in names}


def _check_complete(group: h5py.Group, video_id: str) -> None:
    if group.attrs.get("complete") != 1:
        raise StoreError(f"{video_id}: its file is incomplete; remove it and extract the video again")


def read_group(group: h5py.Group, video_id: str, *, content: Literal["all", "lazy", "none"]) -> VideoFeatures:
    """One video out of an open file or group. Raises StoreError if it is incomplete.

    content: of features and further arrays; "lazy" gives what reads them when it is sliced, while the file is open.
    """
    _check_complete(group, video_id)
    names = [name for name in group if isinstance(group[name], h5py.Dataset)] if content != "none" else []
    arrays = {
        name: group[name] if content == "lazy" else group[name][()]
        for name in names
        if name not in ("frame_span", "time_span")
    }
    return VideoFeatures(
        video_id=video_id,
        features=arrays.pop("features", None),
        frame_span=group["frame_span"][()],
        time_span=group["time_span"][()],
        num_frames=int(group.attrs["num_frames"]),
        fps=float(group.attrs["fps"]),
        width=int(group.attrs["width"]),
        height=int(group.attrs["height"]),
        **{name: json.loads(group.attrs[name]) for name in RECORDS},
        arrays=arrays,
    )
