"""The arrays of one stored video: which must be there, of which type and shape, and where their bytes lie.

HDF5 believes its own tables. A flipped bit in them makes a chunk vanish, which then reads as zeros, or puts
another one in its place; so the table of chunks is checked before anything is read.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from h5py import h5a, h5d, h5z  # pyright: ignore[reportAttributeAccessIssue]

from extract.runtime.foreign.foreign_error import ForeignFileError, reading
from extract.runtime.foreign.hdf5_files import child_names, dataset_of, path_of
from extract.store.file_header import KIND, ArrayRecord, FileHeader
from extract.store.spec import FeatureSpec
from extract.store.stored_digest import ArrayDigest, digest_of_array

SPANS = ("frame_span", "time_span")
FILTERS = (h5z.FILTER_FLETCHER32, h5z.FILTER_DEFLATE, h5z.FILTER_SHUFFLE, 32000)  # the last is h5py's lzf
PLAIN = ((), (h5z.FILTER_FLETCHER32,))  # filters that do not change the size of a chunk, but for the checksum
CHECKSUM_BYTES = 4
MOST_SEGMENTS = 10**8


def checked_arrays(group: h5py.Group, header: FileHeader, spec: FeatureSpec) -> dict[str, h5py.Dataset]:
    """The datasets of a video by name, spans included; nothing of their content is read.

    Raises ForeignFileError for a missing or unexpected array, one of another type or shape than the spec and
    the header state, and one whose bytes are missing, shared or outside the file.
    """
    path = path_of(group)
    with reading(path, KIND):
        if (count := len(group)) > len(spec.arrays) + 3:
            raise ForeignFileError(path, f"holds {count} arrays, expected at most {len(spec.arrays) + 3}")
        names = set(child_names(group))
    _check_names(path, names, spec)
    if header.arrays is not None and header.arrays.keys() != names:
        raise ForeignFileError(path, f"holds {_listed(names)}, its header states {_listed(header.arrays)}")
    found = {name: dataset_of(group, name) for name in sorted(names)}
    shape = found["frame_span"].shape
    count = shape[0] if shape else 0
    if not 0 < count <= MOST_SEGMENTS:
        raise ForeignFileError(path, f"has {count} segments, expected 1 to {MOST_SEGMENTS}")
    ranges: list[tuple[int, int]] = []
    for name, dataset in found.items():
        with reading(path, KIND):
            _check_type(path, name, dataset, _expected(name, count, spec))
            if header.arrays is not None:
                record = header.arrays[name]
                _check_type(path, name, dataset, (np.dtype(record.dtype), record.shape))
            ranges += _byte_ranges(path, name, dataset)
    with reading(path, KIND):
        _check_ranges(path, ranges)
    return found


def read_array(path: Path, name: str, dataset: h5py.Dataset, record: ArrayRecord | None) -> np.ndarray:
    """All rows. Raises ForeignFileError for damaged bytes."""
    with reading(path, KIND):
        rows = dataset[()]
    if record is not None and digest_of_array(rows) != record.sha256:
        raise ForeignFileError(path, f"{name} does not fit its digest")
    return rows


class RowsOnDisk:
    """A dataset [N, ...] that is read when it is sliced. Reading all rows in order checks its digest, too."""

    def __init__(self, path: Path, name: str, dataset: h5py.Dataset, record: ArrayRecord | None):
        self._path, self._name, self._dataset, self._record = path, name, dataset, record
        self.shape: tuple[int, ...] = dataset.shape
        self.dtype: np.dtype = dataset.dtype
        self.ndim = len(self.shape)
        self._digest, self._digested = ArrayDigest(), 0

    def __len__(self) -> int:
        return self.shape[0]

    def __getitem__(self, rows: Any) -> np.ndarray:
        """Raises ForeignFileError for damaged bytes."""
        with reading(self._path, KIND):
            found = self._dataset[rows]
        if self._record is not None and isinstance(rows, slice):
            self._follow(rows, found)
        return found

    def _follow(self, rows: slice, found: np.ndarray) -> None:
        start, stop, step = rows.indices(len(self))
        # Blocks may overlap; a jump ends the check.
        if step == 1 and start <= self._digested < stop:
            self._digest.add(found[self._digested - start :])
            self._digested = stop
            assert self._record is not None
            if stop == len(self) and self._digest.hexdigest() != self._record.sha256:
                raise ForeignFileError(self._path, f"{self._name} does not fit its digest")


def _check_names(path: Path, names: set[str], spec: FeatureSpec) -> None:
    needed = {*SPANS, *spec.arrays}
    allowed = needed | ({"features"} if spec.feature_dim else set())
    if not spec.arrays:
        needed = allowed
    if missing := needed - names:
        raise ForeignFileError(path, f"has no {_listed(missing)}; it has {_listed(names)}")
    if others := names - allowed:
        raise ForeignFileError(path, f"holds {_listed(others)}, which its spec does not name")


def _expected(name: str, count: int, spec: FeatureSpec) -> tuple[np.dtype | None, tuple[int, ...]]:
    if name in SPANS:
        return np.dtype(np.int64 if name == "frame_span" else np.float64), (count, 2)
    if name == "features":
        return np.dtype(spec.dtype), (count, spec.num_crops, spec.feature_dim)
    return None, (count,)


def _check_type(
    path: Path, name: str, dataset: h5py.Dataset, expected: tuple[np.dtype | None, tuple[int, ...]]
) -> None:
    """expected: a type, None = any plain number; and a shape, or its first axes for any number."""
    dtype, shape = expected
    if dataset.dtype.kind not in "biuf" if dtype is None else dataset.dtype != dtype:
        raise ForeignFileError(path, f"{name} holds {dataset.dtype}, expected {dtype or 'numbers'}")
    found = dataset.shape or ()
    if (found[: len(shape)] if dtype is None else found) != shape:
        raise ForeignFileError(path, f"{name} has shape {list(found)}, expected {list(shape)}")


def _byte_ranges(path: Path, name: str, dataset: h5py.Dataset) -> list[tuple[int, int]]:
    """The offsets [start, stop) in the file of all that an array holds. Raises ForeignFileError for gaps."""
    if h5a.get_num_attrs(dataset.id):
        raise ForeignFileError(path, f"{name} has attributes, as no array of a store has")
    created = dataset.id.get_create_plist()
    filters = tuple(created.get_filter(number)[0] for number in range(created.get_nfilters()))
    if not set(filters) <= set(FILTERS):
        raise ForeignFileError(path, f"{name} is packed in a way that stores do not use")
    shape, item_bytes = dataset.shape, dataset.dtype.itemsize
    if created.get_layout() != h5d.CHUNKED:
        start, size = dataset.id.get_offset(), dataset.id.get_storage_size()
        if size != math.prod(shape) * item_bytes:
            raise ForeignFileError(path, f"{name} is cut off")
        return [] if start is None else [(start, start + size)]  # None: within its own header
    chunk = created.get_chunk()
    count = math.prod(-(-size // each) for size, each in zip(shape, chunk, strict=True))
    if dataset.id.get_num_chunks() != count:
        raise ForeignFileError(path, f"{name} is cut off: some of its chunks are missing")
    whole = math.prod(chunk) * item_bytes + CHECKSUM_BYTES * len(filters) if filters in PLAIN else None
    places, ranges = set(), []
    for each in _chunks(dataset.id):
        place = each.chunk_offset
        is_on_grid = not any(
            at % step or at >= size for at, step, size in zip(place, chunk, shape, strict=True)
        )
        if not is_on_grid or place in places or each.filter_mask or (whole or each.size) != each.size:
            raise ForeignFileError(path, f"{name} has a damaged table of chunks")
        places.add(place)
        ranges.append((each.byte_offset, each.byte_offset + each.size))
    return ranges


def _chunks(dataset: h5d.DatasetID) -> list[h5d.StoreInfo]:
    found: list[h5d.StoreInfo] = []
    if hasattr(dataset, "chunk_iter"):
        dataset.chunk_iter(found.append)
        return found
    # Older versions of HDF5, where this takes longer with every chunk.
    return [dataset.get_chunk_info(number) for number in range(dataset.get_num_chunks())]


def _check_ranges(path: Path, ranges: list[tuple[int, int]]) -> None:
    ranges.sort()
    if ranges and max(stop for _, stop in ranges) > path.stat().st_size:
        raise ForeignFileError(path, "has arrays that end outside of the file")
    if any(one[1] > other[0] for one, other in itertools.pairwise(ranges)):
        raise ForeignFileError(path, "has arrays that share bytes")


def _listed(names: Iterable[str]) -> str:
    return ", ".join(sorted(names)) or "nothing"
