"""Files that hold arrays, that of one video or those of all by name, all read through the gate."""

from __future__ import annotations

import functools
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import psutil

from extract.importing.found_features import Entry, failing
from extract.importing.hdf5_rows import choice, dataset_places, nothing_chosen, only_rows, rows_at
from extract.importing.name_patterns import NamePattern
from extract.runtime.foreign.arrays import NPY, npz_names, read_mat, read_npy, read_npz
from extract.runtime.foreign.file_kinds import what_it_is
from extract.runtime.foreign.foreign_error import ForeignFileError, one_line, reading
from extract.runtime.foreign.regular_file import check_regular, size_text
from extract.runtime.foreign.tensor_files import TENSORS, read_tensors
from extract.runtime.foreign.text_files import read_text
from extract.runtime.text import listed

# Which array of a file that holds several is taken without --dataset; these are no names of videos.
USUAL_NAMES = ["features", "feature", "feats", "feat", "x", "arr_0", ""]


def npy_rows(path: Path, _dataset: str | None) -> np.ndarray:
    """The array of an .npy file. Raises ForeignFileError, as all functions here do."""
    _check_memory(path, NPY)
    return read_npy(path)


def text_rows(path: Path, _dataset: str | None) -> np.ndarray:
    """Lines of numbers, separated by white space, commas or semicolons."""
    lines = read_text(path).splitlines()
    first = next((line for line in lines if line.strip()), "")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # about empty files
            rows = np.loadtxt(lines, delimiter=next((each for each in ";," if each in first), None), ndmin=2)
    except (ValueError, OverflowError) as error:
        reason = what_it_is(path) or one_line(error)
        raise ForeignFileError(path, f"is not a table of numbers: {reason}") from None
    if not rows.size:
        raise ForeignFileError(path, "holds no numbers")
    return rows


def npz_rows(path: Path, dataset: str | None) -> np.ndarray:
    """The array `dataset` of an .npz file, or the only one."""
    return read_npz(path, _chosen(path, npz_names(path), dataset))


def npz_members(path: Path, dataset: str | None) -> list[Entry]:
    """A table x [V, N, D] or [V, N, C, D] with names [V], or one array per video."""
    if (table := _table(path)) is not None:
        return table
    return _members(path, npz_names(path), dataset, lambda name: read_npz(path, name))


def npz_table(path: Path, name: str) -> list[Entry] | None:
    """The videos of a table, None for a file of one video or one that fails when it is loaded.

    name: of the entry that fails where the file is a table that cannot be read.
    """
    try:
        npz_names(path)
    except ForeignFileError:
        return None
    try:
        return _table(path)
    except ForeignFileError as error:
        return [failing(name, str(error))]


def mat_rows(path: Path, dataset: str | None) -> np.ndarray:
    """The array `dataset` of a MATLAB file, or the only one."""
    values = _mat_values(path)
    return values[_chosen(path, list(values), dataset)]


def mat_members(path: Path, dataset: str | None) -> list[Entry]:
    """One variable per video."""
    values = _mat_values(path)
    return _members(path, list(values), dataset, values.__getitem__)


def tensor_rows(path: Path, dataset: str | None) -> np.ndarray:
    """The tensor `dataset` of a file of torch.save, or the only one."""
    values = _tensor_values(path)
    return _tensor_array(path, values[_chosen(path, list(values), dataset)])


def tensor_members(path: Path, dataset: str | None) -> list[Entry]:
    """A dictionary with one tensor per video."""
    values = _tensor_values(path)
    return _members(path, list(values), dataset, lambda name: _tensor_array(path, values[name]))


def hdf5_rows(path: Path, dataset: str | None) -> np.ndarray:
    """The array at the place `dataset` of an HDF5 file, or the only one."""
    return only_rows(path, USUAL_NAMES) if dataset is None else rows_at(path, dataset)


def hdf5_members(path: Path, dataset: str | None) -> list[Entry]:
    """The arrays of an HDF5 file. dataset: where a video's rows are, such as {id}/i3d.

    Without it, a video's name is the whole place, or what stands before a usual name such as features.
    """
    pattern = None if dataset is None else NamePattern(dataset, option="--dataset")
    places, refused = dataset_places(path)
    if dataset is None and len(places) == 1 and not refused and places[0] in USUAL_NAMES:
        return [Entry(path.stem, (lambda: rows_at(path, places[0]),))]
    entries = []
    for place in places:
        if named := _name_and_crop(place, pattern):
            entries.append(Entry(named[0], (lambda place=place: rows_at(path, place),), named[1]))
    for place, reason in refused.items():
        named = _name_and_crop(place, pattern)
        entries.append(failing(named[0] if named else place, f"{path}: {reason}"))
    return entries


def _name_and_crop(place: str, pattern: NamePattern | None) -> tuple[str, int | None] | None:
    if pattern is not None:
        return pattern.split(place)
    group, _, last = place.rpartition("/")
    return (group if group and last in USUAL_NAMES else place), None


def _members(
    path: Path, names: list[str], dataset: str | None, load: Callable[[str], np.ndarray]
) -> list[Entry]:
    """One video per array, or one in all, called as the file, where no name is that of a video."""
    if dataset is None and not (len(names) == 1 and names[0] in USUAL_NAMES):
        return [Entry(name, (lambda name=name: load(name),)) for name in names]
    name = _chosen(path, names, dataset)
    return [Entry(path.stem, (lambda: load(name),))]


def _table(path: Path) -> list[Entry] | None:
    if not {"x", "names"} <= set(npz_names(path)):
        return None
    found = read_npz(path, "names", kinds="US").ravel()
    names = [each.decode(errors="replace") if isinstance(each, bytes) else str(each) for each in found]

    @functools.cache
    def table() -> np.ndarray:
        rows = read_npz(path, "x")
        if not rows.ndim or len(rows) != len(names):
            raise ForeignFileError(
                path, f"x has shape {list(rows.shape)}, expected one row for each of {len(names)} names"
            )
        return rows

    return [Entry(name, (lambda number=number: table()[number],)) for number, name in enumerate(names)]


def _mat_values(path: Path) -> dict[str, np.ndarray]:
    values = read_mat(path)
    arrays = {name: value for name, value in values.items() if isinstance(value, np.ndarray)}
    if not arrays:
        raise ForeignFileError(path, f"holds no array of numbers, only {listed(list(values)) or 'nothing'}")
    return arrays


def _tensor_values(path: Path) -> dict[str, Any]:
    """The tensors in a file by name, "" for one without a name; a list of them is one array."""
    import torch

    _check_memory(path, TENSORS)
    content = read_tensors(path)
    if isinstance(content, (list, tuple)) and any(isinstance(each, torch.Tensor) for each in content):
        with reading(path, TENSORS):
            content = torch.stack(list(content))
    named = content if isinstance(content, dict) else {"": content}
    found = {str(name): value for name, value in named.items() if isinstance(value, torch.Tensor)}
    if not found:
        raise ForeignFileError(path, f"holds {type(content).__name__}, expected a tensor or tensors by name")
    return found


def _tensor_array(path: Path, tensor: Any) -> np.ndarray:
    """tensor: torch.Tensor of any type; NumPy lacks bfloat16 and others."""
    with reading(path, TENSORS), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # about kinds that are then refused
        tensor = tensor.detach()
        return (
            tensor.float() if tensor.is_floating_point() and tensor.element_size() < 4 else tensor
        ).numpy()


def _check_memory(path: Path, kind: str) -> None:
    """A file that is read whole may have more bytes than there is memory, above all where it has holes."""
    size, free = check_regular(path, expected=kind).st_size, psutil.virtual_memory().available
    if size > free:
        raise ForeignFileError(path, f"has {size_text(size)}, more than the {size_text(free)} of free memory")


def _chosen(path: Path, there: list[str], dataset: str | None) -> str:
    if dataset is not None and dataset not in there:
        raise ForeignFileError(path, f"has no {dataset}; it holds {listed(there) or 'nothing'}")
    name = dataset if dataset is not None else choice(there, USUAL_NAMES)
    if name is None:
        raise ForeignFileError(path, nothing_chosen(there))
    return name
