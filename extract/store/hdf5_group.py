"""How one video is laid out in an HDF5 file or group."""

from __future__ import annotations

import errno
import io
import json
import os
import shutil
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal, cast

import h5py
import numpy as np

from extract.store.spec import FeatureSpec
from extract.store.video_features import StoreError, VideoFeatures

FORMAT_VERSION = 1
CHUNK_SEGMENTS = 64  # 64 x 2048 float32 = 512 kB fits HDF5's default chunk cache of 1 MiB
CHUNK_BYTES = 1 << 20  # chunks of the additional arrays, whose rows may be images
BLOCK_BYTES = 1 << 24  # read at once when a file is compared with what was written
LARGEST_IMAGE = 1 << 26  # bytes of additional arrays up to which a file is built in memory
SPANS = ("frame_span", "time_span")
RECORDS = ("decode", "source", "provenance")
NUMBERS = ("num_frames", "fps", "width", "height")


def write_file(path: Path, video: VideoFeatures, spec: FeatureSpec, compression: str | None) -> None:
    """Write a file that holds one video and compare it with the video. Raises OSError."""
    # HDF5 2.0 crashes the process when the disk fills under it. So small files are built in memory, and large
    # ones only where twice their size is free.
    size = sum(rows.nbytes for rows in video.arrays.values())
    if size <= LARGEST_IMAGE:
        image = io.BytesIO()
        with h5py.File(image, "w") as file:
            write_group(file, video, spec, compression=compression)
        path.write_bytes(image.getbuffer())
    else:
        if shutil.disk_usage(path.parent).free < 2 * size:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        with h5py.File(path, "w") as file:
            write_group(file, video, spec, compression=compression)
    with h5py.File(path, "r") as file:
        if not holds(file, _as_stored(video, spec)):
            raise OSError("the file does not read back as it was written")


def write_group(
    group: h5py.Group, video: VideoFeatures, spec: FeatureSpec, *, compression: str | None = None
) -> None:
    """Write one video into an open file or group; the attribute `complete` comes last."""
    stored = _as_stored(video, spec)
    for name, rows in _arrays(stored).items():
        most = CHUNK_SEGMENTS
        if name in stored.arrays:
            most = max(1, CHUNK_BYTES * len(rows) // max(rows.nbytes, 1))
        chunks = (min(len(rows), CHUNK_SEGMENTS, most), *rows.shape[1:])
        dataset = group.create_dataset(
            name, rows.shape, rows.dtype, chunks=chunks, fletcher32=True, compression=compression
        )
        for part in _blocks(rows, multiple=chunks[0]):
            dataset[part] = rows[part]
    group.attrs["format_version"] = FORMAT_VERSION
    group.attrs["spec"] = spec.to_json()
    for name in NUMBERS:
        group.attrs[name] = getattr(stored, name)
    for name in RECORDS:
        group.attrs[name] = json.dumps(getattr(stored, name), sort_keys=True)
    group.attrs["complete"] = 1


def holds(group: h5py.Group, stored: VideoFeatures) -> bool:
    """Whether a group has exactly the arrays of a video, bit for bit; read in blocks."""
    arrays = _arrays(stored)
    if set(dataset_names(group)) != arrays.keys():
        return False
    for name, rows in arrays.items():
        dataset = dataset_of(group, name)
        if dataset.shape != rows.shape or dataset.dtype != rows.dtype:
            return False
        if not all(np.array_equal(dataset[part], rows[part]) for part in _blocks(rows)):
            return False
    return True


def read_group(group: h5py.Group, video_id: str, *, content: Literal["all", "lazy", "none"]) -> VideoFeatures:
    """One video out of an open file or group. Raises StoreError for an incomplete one.

    content: of features and additional arrays; "lazy" gives datasets, which are read when they are sliced, as
    long as the file is open.
    """
    _check_complete(group, video_id)
    arrays: dict[str, Any] = {}
    if content != "none":
        arrays = {name: dataset_of(group, name) for name in dataset_names(group) if name not in SPANS}
    if content == "all":
        arrays = {name: dataset[()] for name, dataset in arrays.items()}
    attributes = cast(Mapping[str, Any], group.attrs)
    return VideoFeatures(
        video_id=video_id,
        features=arrays.pop("features", None),
        **{name: dataset_of(group, name)[()] for name in SPANS},
        num_frames=int(attributes["num_frames"]),
        fps=float(attributes["fps"]),
        width=int(attributes["width"]),
        height=int(attributes["height"]),
        **{name: json.loads(attributes[name]) for name in RECORDS},
        arrays=arrays,
    )


def read_rows(
    group: h5py.Group, video_id: str, names: Iterable[str], segments: slice
) -> dict[str, np.ndarray]:
    """Some segments of some arrays. Raises StoreError for an incomplete file and for missing arrays."""
    _check_complete(group, video_id)
    if missing := sorted(set(names) - set(group)):
        raise StoreError(
            f"{video_id}: its file has no {', '.join(missing)}; it has {', '.join(sorted(group))}"
        )
    return {name: dataset_of(group, name)[segments] for name in names}


def dataset_names(group: h5py.Group) -> list[str]:
    return [name for name, node in group.items() if isinstance(node, h5py.Dataset)]


def dataset_of(group: h5py.Group, name: str) -> h5py.Dataset:
    """A dataset by its name. Raises KeyError if there is none."""
    node = group[name]
    if not isinstance(node, h5py.Dataset):
        raise KeyError(name)
    return node


def _check_complete(group: h5py.Group, video_id: str) -> None:
    if group.attrs.get("complete") != 1:
        raise StoreError(f"{video_id}: its file is incomplete; remove it and extract the video again")


def _as_stored(video: VideoFeatures, spec: FeatureSpec) -> VideoFeatures:
    """The same video with the types that the file stores."""
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


def _blocks(rows: np.ndarray, *, multiple: int = 1) -> Iterator[slice]:
    """Slices that cover an array in order, each of about BLOCK_BYTES and a multiple of `multiple` rows."""
    step = multiple * max(1, BLOCK_BYTES * len(rows) // max(rows.nbytes * multiple, 1))
    return (slice(start, min(start + step, len(rows))) for start in range(0, len(rows), step))
