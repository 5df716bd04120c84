"""Readers of the layouts in which features are published; nothing is ever unpickled, no link is followed.

A folder holds one file per video or per crop; a single file holds the arrays of all videos by name.
"""

from __future__ import annotations

import functools
import os
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import psutil

from extract.importing.found_features import Entry, Found, failing
from extract.importing.hdf5_rows import choice, dataset_places, nothing_chosen, only_rows, rows_at
from extract.importing.name_patterns import NamePattern
from extract.runtime.foreign.arrays import npz_names, read_mat, read_npy, read_npz
from extract.runtime.foreign.file_kinds import what_it_is
from extract.runtime.foreign.folder_walk import files_below
from extract.runtime.foreign.foreign_error import ForeignFileError, one_line, reading
from extract.runtime.foreign.printable import printable
from extract.runtime.foreign.regular_file import check_regular, size_text
from extract.runtime.foreign.tensor_files import TENSORS, read_tensors
from extract.runtime.foreign.text_files import read_text

# Which array of a file that holds several is taken without --dataset.
USUAL_NAMES = ["features", "feature", "feats", "feat", "x"]
MOST_NAMED = 5  # lines about files that are left out for one reason


@dataclass(frozen=True)
class Layout:
    """How files of one kind are read.

    load: the array of a file that belongs to one video, by its path and --dataset. members: the entries of a
    file that holds all videos, None if files of the kind hold one.
    """

    suffixes: tuple[str, ...]
    # Which frames a row covers unless the user says so, one of CONVENTIONS.
    convention: str
    load: Callable[[Path, str | None], np.ndarray]
    members: Callable[[Path, str | None], list[Entry]] | None = None


def find_features(
    source: Path,
    layout: Layout,
    *,
    dataset: str | None,
    pattern: str | None,
    modality: str,
    wanted: Sequence[str],
) -> Found:
    """What a folder or file holds. wanted: video ids; they decide what is a crop and what a modality.

    Raises ValueError if nothing can be read at all.
    """
    found = Found()
    if os.path.isdir(source):
        _find_files(source, layout, dataset, pattern, found)
    elif layout.members is None:
        found.entries = [Entry(_stem(source.name, layout), (_load_one(layout, source, dataset),))]
    elif layout.members is _hdf5_members:
        # Here --dataset is the pattern of names.
        found.entries = layout.members(source, dataset or pattern)
    else:
        found.entries = layout.members(source, dataset)
        if pattern is not None:
            found.entries = _renamed(found.entries, NamePattern(pattern), found)
    found.keep_modality(modality, wanted)
    found.join_crops(wanted)
    return found


def _find_files(folder: Path, layout: Layout, dataset: str | None, text: str | None, found: Found) -> None:
    pattern = None if text is None else NamePattern(text)
    refused: list[str] = []
    for path in files_below(
        folder,
        wanted=lambda name: pattern is not None or name.lower().endswith(layout.suffixes),
        on_problem=lambda error: refused.append(str(error)),
        links=False,
        irregular=True,
    ):
        name = path.relative_to(folder).as_posix()
        if pattern is not None:
            # Several videos in each of several files have names of their own.
            found.entries.append(Entry(name, (_load_one(layout, path, dataset),)))
        elif layout.members is _npz_members and (table := _table(path)):
            found.entries += table
        else:
            found.entries.append(Entry(_stem(name, layout), (_load_one(layout, path, dataset),)))
    if pattern is not None:
        found.entries = _renamed(found.entries, pattern, found)
    found.notes += [f"skipped: {line}" for line in refused[:MOST_NAMED]]
    if more := len(refused) - MOST_NAMED:
        found.notes += [f"skipped: {more} more like these"] if more > 0 else []


def _renamed(entries: list[Entry], pattern: NamePattern, found: Found) -> list[Entry]:
    """The entries that the pattern fits, named by their ids."""
    fitting = [
        Entry(split[0], entry.loads, split[1]) for entry in entries if (split := pattern.split(entry.name))
    ]
    if left := len(entries) - len(fitting):
        example = next(entry.name for entry in entries if pattern.split(entry.name) is None)
        found.notes.append(
            f"{left} names do not fit the pattern {pattern.text}, such as {printable(example)}"
        )
    return fitting


def _load_one(layout: Layout, path: Path, dataset: str | None) -> Callable[[], np.ndarray]:
    def load() -> np.ndarray:
        size, free = check_regular(path, expected="a feature file").st_size, psutil.virtual_memory().available
        if size > free:
            raise ForeignFileError(
                path, f"has {size_text(size)}, more than the {size_text(free)} of free memory"
            )
        return layout.load(path, dataset)

    return load


def _stem(name: str, layout: Layout) -> str:
    suffix = next((each for each in layout.suffixes if name.lower().endswith(each)), "")
    return name[: len(name) - len(suffix)]


def _npy(path: Path, _dataset: str | None) -> np.ndarray:
    return read_npy(path)


def _text(path: Path, _dataset: str | None) -> np.ndarray:
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


def _npz(path: Path, dataset: str | None) -> np.ndarray:
    name = _chosen(path, npz_names(path), dataset)
    return read_npz(path, name)


def _npz_members(path: Path, dataset: str | None) -> list[Entry]:
    """A table x [V, N, D] or [V, N, C, D] with names [V], or one array per video."""
    if (table := _table(path)) is not None:
        return table
    names = npz_names(path)
    if dataset is not None:
        return [Entry(_stem(path.name, LAYOUTS["npz"]), (lambda: _npz(path, dataset),))]
    return [Entry(name, (lambda name=name: read_npz(path, name),)) for name in names]


def _table(path: Path) -> list[Entry] | None:
    """The videos of a table; None if the file is none, or cannot be read and fails when it is loaded."""
    try:
        if not {"x", "names"} <= set(npz_names(path)):
            return None
        found = read_npz(path, "names", kinds="US")
    except ForeignFileError:
        return None
    names = [
        each.decode(errors="replace") if isinstance(each, bytes) else str(each) for each in found.ravel()
    ]

    @functools.cache
    def table() -> np.ndarray:
        rows = read_npz(path, "x")
        if not rows.ndim or len(rows) != len(names):
            raise ForeignFileError(
                path, f"x has shape {list(rows.shape)}, expected one row for each of {len(names)} names"
            )
        return rows

    return [Entry(name, (lambda number=number: table()[number],)) for number, name in enumerate(names)]


def _mat(path: Path, dataset: str | None) -> np.ndarray:
    values = _arrays_of(path, read_mat(path))
    return values[_chosen(path, list(values), dataset)]


def _mat_members(path: Path, dataset: str | None) -> list[Entry]:
    return _named_arrays(path, _arrays_of(path, read_mat(path)), dataset, LAYOUTS["mat"])


def _arrays_of(path: Path, values: dict[str, Any]) -> dict[str, np.ndarray]:
    arrays = {name: value for name, value in values.items() if isinstance(value, np.ndarray)}
    if not arrays:
        raise ForeignFileError(
            path, f"holds no array of numbers{', only ' + ', '.join(values) if values else ''}"
        )
    return arrays


def _tensor(path: Path, dataset: str | None) -> np.ndarray:
    values = _tensors_of(path)
    return values[_chosen(path, list(values), dataset)]


def _tensor_members(path: Path, dataset: str | None) -> list[Entry]:
    return _named_arrays(path, _tensors_of(path), dataset, LAYOUTS["pt"])


def _tensors_of(path: Path) -> dict[str, np.ndarray]:
    """The tensors in a file by name, "" for one without a name. A list of equal shapes is one array."""
    import torch

    content = read_tensors(path)
    with reading(path, TENSORS):
        if (
            isinstance(content, (list, tuple))
            and content
            and all(isinstance(each, torch.Tensor) for each in content)
        ):
            content = torch.stack(list(content))
        named = content if isinstance(content, dict) else {"": content}
        found = {
            str(name): (
                value.float() if value.is_floating_point() and value.dtype != torch.float64 else value
            )
            .detach()
            .numpy()
            for name, value in named.items()
            if isinstance(value, torch.Tensor)
        }
    if not found:
        raise ForeignFileError(path, f"holds {type(content).__name__}, expected a tensor or tensors by name")
    return found


def _named_arrays(
    path: Path, arrays: dict[str, np.ndarray], dataset: str | None, layout: Layout
) -> list[Entry]:
    """One video per array; one video in all where --dataset says which array, or the array has no name."""
    if dataset is None and list(arrays) != [""]:
        return [Entry(name, (lambda rows=rows: rows,)) for name, rows in arrays.items()]
    rows = arrays[_chosen(path, list(arrays), dataset)]
    return [Entry(_stem(path.name, layout), (lambda: rows,))]


def _hdf5(path: Path, dataset: str | None) -> np.ndarray:
    return only_rows(path, USUAL_NAMES) if dataset is None else rows_at(path, dataset)


def _hdf5_members(path: Path, dataset: str | None) -> list[Entry]:
    """The datasets of a file; --dataset is where a video's rows are, such as {id}/features."""
    pattern = NamePattern(dataset or "{id}", option="--dataset")
    places, refused = dataset_places(path)
    entries = []
    for place in places:
        if split := pattern.split(place):
            entries.append(Entry(split[0], (lambda place=place: rows_at(path, place),), split[1]))
    for place, reason in refused.items():
        split = pattern.split(place)
        entries.append(failing(split[0] if split else place, f"{path}: {reason}"))
    return entries


def _chosen(path: Path, there: list[str], dataset: str | None) -> str:
    if dataset is not None and dataset not in there:
        raise ForeignFileError(path, f"has no {dataset}; it holds {', '.join(there[:5]) or 'nothing'}")
    name = dataset if dataset is not None else choice(there, USUAL_NAMES)
    if name is None:
        raise ForeignFileError(path, nothing_chosen(there))
    return name


LAYOUTS = {
    "rtfm": Layout((".npy",), "clips", _npy),
    "npy": Layout((".npy",), "clips", _npy),
    "npz": Layout((".npz",), "even", _npz, _npz_members),
    "sultani": Layout((".txt",), "sultani", _text),
    "hdf5": Layout((".h5", ".hdf5"), "clips", _hdf5, _hdf5_members),
    "pt": Layout((".pt", ".pth"), "clips", _tensor, _tensor_members),
    "mat": Layout((".mat",), "clips", _mat, _mat_members),
}
