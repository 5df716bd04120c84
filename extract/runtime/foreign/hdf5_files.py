"""HDF5 files of other people: groups, datasets and attributes of the file itself, checked before use.

An HDF5 file can name other files: by external links, by external storage of a dataset and by virtual
datasets. Reading one would copy any file that we may read into a store. Soft links are refused as well,
because they can lead through external ones.
"""

from __future__ import annotations

import contextlib
import math
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from h5py import h5f, h5l, h5o  # pyright: ignore[reportAttributeAccessIssue]

from extract.runtime.file_lock import NO_LOCKS
from extract.runtime.foreign.arrays import NUMBERS, check_expansion, plain_numbers
from extract.runtime.foreign.foreign_error import ForeignFileError, reading
from extract.runtime.foreign.regular_file import check_regular

HDF5 = "an HDF5 file"
ATTRIBUTE_BYTES = 1 << 24
LZF = 32000  # h5py's own filter; those beyond are plug-ins
COMPRESSORS = (h5py.h5z.FILTER_DEFLATE, h5py.h5z.FILTER_SZIP)
DEEPEST = 32  # levels of groups


@contextlib.contextmanager
def open_hdf5(path: Path | str, *, kind: str = HDF5) -> Iterator[h5py.File]:
    """The file, open for reading. Raises ForeignFileError if it cannot be opened; other errors pass."""
    check_regular(path, expected=kind)
    with reading(path, kind):
        file = _locked_if_possible(path)
    with file:
        yield file


def _locked_if_possible(path: Path | str) -> h5py.File:
    # The lock refuses a file that another program is writing. Where there are no locks, nobody can.
    try:
        return h5py.File(path, "r")
    except OSError as error:
        if error.errno not in NO_LOCKS:
            raise
    return h5py.File(path, "r", locking=False)


def child_names(group: h5py.Group) -> list[str]:
    """The names in a group, links included. Raises ForeignFileError."""
    with reading(path_of(group), HDF5):
        # h5py gives names that are not UTF-8 as bytes.
        return [_text(name) for name in group]


def node_of(group: h5py.Group, place: str) -> h5py.Group | h5py.Dataset:
    """What lies at a place below a group, such as "a/b/features". Raises ForeignFileError; also for links."""
    path = path_of(group)
    node: Any = group
    with reading(path, HDF5):
        for name in place.strip("/").split("/"):
            # By its link, because asking whether a member is there opens what an external link leads to.
            encoded = name.encode("utf-8", "surrogateescape")
            if (
                not isinstance(node, h5py.Group)
                or not name
                or "\0" in name
                or not node.id.links.exists(encoded)
            ):
                raise ForeignFileError(path, f"has no {place}; it holds {_some(group)}")
            if node.id.links.get_info(encoded).type != h5l.TYPE_HARD:
                raise ForeignFileError(
                    path, f"{name} is a link to another place or file, which is never followed"
                )
            node = node[encoded]
    if isinstance(node, h5py.Dataset):
        check_dataset(node)
    elif not isinstance(node, h5py.Group):
        raise ForeignFileError(path, f"{place} is a type, expected a dataset or a group")
    return node


def dataset_of(group: h5py.Group, place: str) -> h5py.Dataset:
    """The dataset at a place below a group. Raises ForeignFileError."""
    node = node_of(group, place)
    if not isinstance(node, h5py.Dataset):
        raise ForeignFileError(path_of(group), f"{place} is a group, expected a dataset")
    return node


def datasets_below(
    file: h5py.Group, *, on_problem: Callable[[str, ForeignFileError], None] | None = None
) -> Iterator[tuple[str, h5py.Dataset]]:
    """(place, dataset) of everything below a group, sorted.

    on_problem: gets the place of what is refused or damaged and why, and the rest goes on; without it the
    ForeignFileError is raised, also for links.
    """
    path = path_of(file)
    seen = set()
    waiting: list[tuple[str, h5py.Group]] = [("", file)]
    while waiting:
        place, group = waiting.pop()
        try:
            with reading(path, HDF5):
                # A group can be its own member.
                info = h5o.get_info(group.id)
            if (info.fileno, info.addr) in seen:
                continue
            seen.add((info.fileno, info.addr))
            if place.count("/") > DEEPEST:
                raise ForeignFileError(path, f"has more than {DEEPEST} levels of groups")
            names = sorted(child_names(group))
        except ForeignFileError as error:
            _report(place.rstrip("/"), error, on_problem)
            continue
        inner = []
        for name in names:
            here = f"{place}{name}"
            try:
                node = node_of(group, name)
            except ForeignFileError as error:
                _report(here, error, on_problem)
                continue
            if isinstance(node, h5py.Dataset):
                yield here, node
            else:
                inner.append((f"{here}/", node))
        waiting += reversed(inner)


def check_dataset(dataset: h5py.Dataset) -> None:
    """Raise ForeignFileError for a dataset in other files, and for one that unpacks to far more."""
    path, name = path_of(dataset), _name_of(dataset)
    with reading(path, HDF5):
        created = dataset.id.get_create_plist()
        layout = created.get_layout()
        if layout == h5py.h5d.VIRTUAL or created.get_external_count():
            raise ForeignFileError(
                path, f"{name} lies in other files, which are never opened; copy it into one file"
            )
        filters = [created.get_filter(number)[0] for number in range(created.get_nfilters())]
        if sum(each in COMPRESSORS or each >= LZF for each in filters) > 1:
            raise ForeignFileError(path, f"{name} is compressed more than once, as no features are")
        size, stored = dataset.dtype.itemsize, dataset.id.get_storage_size()
        # A chunk may be larger than its dataset, and is unpacked whole.
        chunk = math.prod(created.get_chunk()) if layout == h5py.h5d.CHUNKED else 0
        check_expansion(path, name, max(math.prod(dataset.shape or (0,)), chunk) * size, stored)


def read_dataset(dataset: h5py.Dataset, rows: Any = (), *, kinds: str = NUMBERS) -> np.ndarray:
    """The numbers of a dataset, or some rows. kinds: numpy's kinds of types that are accepted.

    Raises ForeignFileError for other types and for damaged bytes.
    """
    path = path_of(dataset)
    with reading(path, HDF5):
        if dataset.shape is None or dataset.dtype.kind not in kinds:
            raise ForeignFileError(path, f"{_name_of(dataset)} holds {dataset.dtype}, expected numbers")
        return plain_numbers(np.asarray(dataset[rows]))


def attribute(node: h5py.Group | h5py.Dataset, name: str, expected: type) -> Any:
    """An attribute that is one value. expected: int, float or str. Raises ForeignFileError."""
    return attribute_of(path_of(node), node.attrs, name, expected)


def attribute_of(path: Path, attributes: h5py.AttributeManager, name: str, expected: type) -> Any:
    """As attribute, for many of one node."""
    with reading(path, HDF5):
        if name not in attributes:
            raise ForeignFileError(path, f"has no attribute {name}")
        found = attributes.get_id(name)
        if found.shape != () or found.get_storage_size() > ATTRIBUTE_BYTES:
            raise ForeignFileError(
                path, f"attribute {name} is {list(found.shape or ())} values, expected one"
            )
        value: Any = attributes[name]
        if expected is str and isinstance(value, (str, bytes)):
            return value.decode() if isinstance(value, bytes) else value
        if expected is not str and getattr(value, "dtype", np.dtype("O")).kind in (
            "iu" if expected is int else "iuf"
        ):
            return expected(value)
        raise ForeignFileError(
            path, f"attribute {name} is {type(value).__name__}, expected {expected.__name__}"
        )


def path_of(node: h5py.Group | h5py.Dataset) -> Path:
    """The file of a node."""
    # Much faster than node.file.filename, which makes an object of the file.
    return Path(os.fsdecode(h5f.get_name(node.id)))


def _report(
    place: str, error: ForeignFileError, on_problem: Callable[[str, ForeignFileError], None] | None
) -> None:
    if on_problem is None:
        raise error
    on_problem(place, error)


def _name_of(dataset: h5py.Dataset) -> str:
    return _text(dataset.name or "").lstrip("/")


def _text(name: Any) -> str:
    return name.decode("utf-8", "surrogateescape") if isinstance(name, bytes) else str(name)


def _some(group: h5py.Group) -> str:
    names = sorted(child_names(group))
    return ", ".join(names[:5]) + (f" and {len(names) - 5} more" if len(names) > 5 else "") or "nothing"
