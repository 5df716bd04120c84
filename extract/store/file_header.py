"""The attributes of one stored video: read, checked against their digest and against limits."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from h5py import h5a  # pyright: ignore[reportAttributeAccessIssue]

from extract.runtime.foreign.foreign_error import ForeignFileError, reading
from extract.runtime.foreign.hdf5_files import attribute_of, path_of
from extract.store.stored_digest import digest_of_attributes

# Format 1 has no digests. Its files stay readable.
FORMAT_VERSION = 2
READABLE = (1, 2)
RECORDS = ("decode", "source", "provenance")
NUMBERS = ("num_frames", "fps", "width", "height")
TYPES: dict[str, type] = {
    "format_version": int,
    "complete": int,
    "spec": str,
    "num_frames": int,
    "fps": float,
    "width": int,
    "height": int,
    **dict.fromkeys(RECORDS, str),
}
# Of format 2. video_id is stated in packs, where a damaged name would give one video the rows of another.
DIGEST, ARRAYS, VIDEO_ID = "digest", "arrays", "video_id"
# 10^8 frames are 38 days at 30 per second.
LARGEST = {"num_frames": 10**8, "fps": 1e6, "width": 10**5, "height": 10**5}
MOST_ATTRIBUTES = 64
KIND = "an HDF5 feature file"
# Fields of the records that other code counts with or compares.
FIELDS: dict[str, dict[str, type]] = {
    "decode": {"decoder": str, "messages": int, "missing_frames": int, "complete": bool},
    "source": {"path": str, "bytes": int, "sha256": str},
    "provenance": {},
}


@dataclass(frozen=True)
class ArrayRecord:
    """What a file states of one of its arrays. dtype: such as <f4. sha256: of all of its bytes."""

    dtype: str
    shape: tuple[int, ...]
    sha256: str


@dataclass(frozen=True)
class FileHeader:
    """arrays: by name; None in format 1."""

    spec: str
    num_frames: int
    fps: float
    width: int
    height: int
    records: dict[str, dict]
    arrays: dict[str, ArrayRecord] | None


def write_header(
    group: h5py.Group, values: Mapping[str, Any], arrays: Mapping[str, ArrayRecord], video_id: str | None
) -> None:
    """Write the attributes, `complete` last. values: spec, the numbers and the records as text."""
    attributes: dict[str, Any] = {"format_version": FORMAT_VERSION, **values}
    attributes[ARRAYS] = json.dumps({name: vars(each) for name, each in arrays.items()}, sort_keys=True)
    if video_id is not None:
        attributes[VIDEO_ID] = video_id
    attributes[DIGEST] = digest_of_attributes({**attributes, "complete": 1})
    for name, value in attributes.items():
        group.attrs[name] = value
    group.attrs["complete"] = 1


def read_header(group: h5py.Group, video_id: str | None = None) -> FileHeader:
    """The checked attributes of a video. video_id: what a pack must state. Raises ForeignFileError."""
    path = path_of(group)
    values = _attributes(path, group)
    if values["format_version"] >= 2:
        _check_digest(path, values)
        if video_id is not None and values.get(VIDEO_ID, video_id) != video_id:
            raise ForeignFileError(path, f"holds {values[VIDEO_ID]} under the name {video_id}")
    for name, largest in LARGEST.items():
        if not 0 <= values[name] <= largest:  # NaN fails both
            raise ForeignFileError(path, f"{name} is {values[name]}, expected 0 to {largest:.0f}")
    return FileHeader(
        spec=values["spec"],
        **{name: values[name] for name in NUMBERS},
        records={name: _record(path, name, values[name]) for name in RECORDS},
        arrays=_array_records(path, values[ARRAYS]) if values["format_version"] >= 2 else None,
    )


def _attributes(path: Path, group: h5py.Group) -> dict[str, Any]:
    with reading(path, KIND):
        count = h5a.get_num_attrs(group.id)
        if count > MOST_ATTRIBUTES:
            raise ForeignFileError(path, f"has {count} attributes, expected {len(TYPES)}")
        attributes = group.attrs
        names = set(attributes)
    if "complete" not in names or attribute_of(path, attributes, "complete", int) != 1:
        raise ForeignFileError(path, "is incomplete")
    version = attribute_of(path, attributes, "format_version", int)
    if version not in READABLE:
        raise ForeignFileError(path, f"has format {version}, this version reads {READABLE[-1]}")
    optional = names & {VIDEO_ID}
    types = TYPES | (dict.fromkeys((ARRAYS, DIGEST, *optional), str) if version >= 2 else {})
    if version == 1 and names & {ARRAYS, DIGEST, VIDEO_ID}:
        raise ForeignFileError(path, "has format 1 and a digest, as no file of format 1 has")
    if version >= 2 and (others := sorted(names - types.keys())):
        raise ForeignFileError(path, f"has an attribute {others[0]}, which format 2 does not know")
    return {name: attribute_of(path, attributes, name, expected) for name, expected in types.items()}


def _check_digest(path: Path, values: Mapping[str, Any]) -> None:
    if (
        digest_of_attributes({name: each for name, each in values.items() if name != DIGEST})
        != values[DIGEST]
    ):
        raise ForeignFileError(path, "its attributes do not fit their digest")


def _record(path: Path, name: str, text: str) -> dict:
    with reading(path, KIND):
        record = json.loads(text)
    if not isinstance(record, dict):
        raise ForeignFileError(path, f"{name} is no JSON object")
    for field, expected in FIELDS[name].items():
        value = record.get(field)
        if value is not None and (
            not isinstance(value, expected) or isinstance(value, bool) != (expected is bool)
        ):
            raise ForeignFileError(
                path, f"{field} in {name} is {type(value).__name__}, expected {expected.__name__}"
            )
    return record


def _array_records(path: Path, text: str) -> dict[str, ArrayRecord]:
    with reading(path, KIND):
        found = {
            name: ArrayRecord(
                np.dtype(each["dtype"]).str, tuple(map(int, each["shape"])), str(each["sha256"])
            )
            for name, each in json.loads(text).items()
        }
    if not all(size >= 0 for each in found.values() for size in each.shape):
        raise ForeignFileError(path, "states an array of a negative size")
    return found
