"""How one video is laid out in an HDF5 file or group."""

from __future__ import annotations

import errno
import io
import json
import os
import shutil
from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

import h5py
import numpy as np

from extract.runtime.foreign.foreign_error import ForeignFileError, one_line
from extract.runtime.foreign.hdf5_files import path_of, read_dataset
from extract.store.file_arrays import SPANS, RowsOnDisk, checked_arrays, read_array
from extract.store.file_header import NUMBERS, RECORDS, ArrayRecord, FileHeader, read_header, write_header
from extract.store.spec import FeatureSpec
from extract.store.stored_digest import ArrayDigest
from extract.store.video_features import VideoFeatures, are_ascending

CHUNK_SEGMENTS = 64  # 64 x 2048 float32 = 512 kB fits HDF5's default chunk cache of 1 MiB
CHUNK_BYTES = 1 << 20  # chunks of the additional arrays, whose rows may be images
BLOCK_BYTES = 1 << 24  # read at once when a file is compared with what was written
LARGEST_IMAGE = 1 << 26  # bytes of additional arrays up to which a file is built in memory


class Unfit(ForeignFileError):
    """A sound file of another spec, or without the arrays that are asked for."""


def write_file(path: Path, video: VideoFeatures, spec: FeatureSpec, compression: str | None) -> None:
    """Write a file that holds one video and compare it with the video. Raises OSError.

    HDF5 does not lock it, which some file systems cannot do: nobody else knows a file before it has its name.
    """
    _write(path, video, spec, compression)
    try:
        with h5py.File(path, "r", locking=False) as file:
            is_same = holds(file, _as_stored(video, spec), spec)
    except ForeignFileError:
        # Arrays that compress a thousandfold, such as pixels of a black video, look like a bomb to readers.
        if compression is None:
            raise
        write_file(path, video, spec, None)
        return
    if not is_same:
        raise OSError("the file does not read back as it was written")


def _write(path: Path, video: VideoFeatures, spec: FeatureSpec, compression: str | None) -> None:
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
        with h5py.File(path, "w", locking=False) as file:
            write_group(file, video, spec, compression=compression)


def write_group(
    group: h5py.Group,
    video: VideoFeatures,
    spec: FeatureSpec,
    *,
    compression: str | None = None,
    packed: bool = False,
) -> None:
    """Write one video into an open file or group; the attribute `complete` comes last.

    packed: other videos lie in the same file, so the group states whose it is.
    """
    stored = _as_stored(video, spec)
    records: dict[str, ArrayRecord] = {}
    for name, rows in _arrays(stored).items():
        most = CHUNK_SEGMENTS
        if name in stored.arrays:
            most = max(1, CHUNK_BYTES * len(rows) // max(rows.nbytes, 1))
        chunks = (min(len(rows), CHUNK_SEGMENTS, most), *rows.shape[1:])
        dataset = group.create_dataset(
            name, rows.shape, rows.dtype, chunks=chunks, fletcher32=True, compression=compression
        )
        digest = ArrayDigest()
        for part in _blocks(rows, multiple=chunks[0]):
            block = rows[part]
            dataset[part] = block
            digest.add(block)
        records[name] = ArrayRecord(np.dtype(rows.dtype).str, tuple(rows.shape), digest.hexdigest())
    values = {"spec": spec.to_json(), **{name: getattr(stored, name) for name in NUMBERS}}
    values |= {name: json.dumps(getattr(stored, name), sort_keys=True) for name in RECORDS}
    write_header(group, values, records, stored.video_id if packed else None)


def holds(group: h5py.Group, stored: VideoFeatures, spec: FeatureSpec) -> bool:
    """Whether a group has exactly the arrays of a video, bit for bit; read in blocks."""
    arrays = _arrays(stored)
    datasets = checked_arrays(group, read_header(group), spec)
    if datasets.keys() != arrays.keys():
        return False
    for name, rows in arrays.items():
        dataset = datasets[name]
        if dataset.shape != rows.shape or dataset.dtype != rows.dtype:
            return False
        if not all(np.array_equal(dataset[part], rows[part]) for part in _blocks(rows)):
            return False
    return True


def read_group(
    group: h5py.Group,
    video_id: str,
    *,
    spec: FeatureSpec,
    content: Literal["all", "lazy", "none"],
    packed: bool = False,
) -> VideoFeatures:
    """One video out of an open file or group. Raises ForeignFileError for anything that does not fit.

    spec: of the store; a file of another one is refused. content: of features and additional arrays; "lazy"
    gives rows that are read when they are sliced, as long as the file is open.
    """
    path, header, datasets = _checked(group, video_id, spec, packed)
    spans = {name: _whole(path, name, datasets, header) for name in SPANS}
    check_spans(path, spans["frame_span"], spans["time_span"], header.num_frames)
    arrays: dict[str, Any] = {}
    for name, dataset in datasets.items():
        if name in SPANS or content == "none":
            continue
        record = header.arrays[name] if header.arrays else None
        arrays[name] = (
            read_array(path, name, dataset, record)
            if content == "all"
            else RowsOnDisk(path, name, dataset, record)
        )
    return VideoFeatures(
        video_id=video_id,
        features=arrays.pop("features", None),
        frame_span=spans["frame_span"],
        time_span=spans["time_span"],
        num_frames=header.num_frames,
        fps=header.fps,
        width=header.width,
        height=header.height,
        **header.records,
        arrays=arrays,
    )


def read_rows(
    group: h5py.Group,
    video_id: str,
    names: Iterable[str],
    segments: slice,
    *,
    spec: FeatureSpec,
    packed: bool = False,
) -> dict[str, np.ndarray]:
    """Some segments of some arrays. Raises ForeignFileError, also for missing arrays."""
    path, _, datasets = _checked(group, video_id, spec, packed)
    if missing := sorted(set(names) - set(datasets)):
        raise Unfit(path, f"has no {', '.join(missing)}; it has {', '.join(datasets)}")
    return {name: read_dataset(datasets[name], segments) for name in names}


def spec_of(header: FileHeader, path: Path) -> FeatureSpec:
    """The spec that a file states. Raises ForeignFileError."""
    try:
        return FeatureSpec.from_json(header.spec)
    except ValueError as error:
        raise ForeignFileError(path, f"holds no readable spec ({one_line(error)})") from None


def check_spec(header: FileHeader, path: Path, expected: FeatureSpec) -> None:
    """Raise Unfit unless a file has the expected spec."""
    if header.spec != expected.to_json() and (differences := spec_of(header, path).differences(expected)):
        raise Unfit(path, f"was extracted with other settings: {'; '.join(differences)}")


def check_spans(path: Path, frame_span: np.ndarray, time_span: np.ndarray, num_frames: int) -> None:
    """Raise ForeignFileError unless spans, int and float [N, 2], ascend within the video."""
    if not are_ascending(frame_span, stop=num_frames):
        raise ForeignFileError(path, f"its frame spans are not ascending ranges within {num_frames} frames")
    if not np.isfinite(time_span).all():
        raise ForeignFileError(path, "its time spans hold NaN or infinite values")


def _checked(
    group: h5py.Group, video_id: str, spec: FeatureSpec, packed: bool
) -> tuple[Path, FileHeader, dict[str, h5py.Dataset]]:
    header = read_header(group, video_id if packed else None)
    path = path_of(group)
    check_spec(header, path, spec)
    return path, header, checked_arrays(group, header, spec)


def _whole(path: Path, name: str, datasets: dict[str, h5py.Dataset], header: FileHeader) -> np.ndarray:
    return read_array(path, name, datasets[name], header.arrays[name] if header.arrays else None)


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
