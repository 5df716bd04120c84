"""Readers of the layouts in which features are published; nothing is ever unpickled, no link is followed.

A folder holds one file per video or per crop; a single file holds the arrays of all videos by name.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np

from extract.importing.array_files import (
    hdf5_members,
    hdf5_rows,
    mat_members,
    mat_rows,
    npy_rows,
    npz_members,
    npz_rows,
    npz_table,
    tensor_members,
    tensor_rows,
    text_rows,
)
from extract.importing.found_features import Entry, Found
from extract.importing.name_patterns import NamePattern
from extract.runtime.foreign.folder_walk import files_below
from extract.runtime.foreign.printable import printable
from extract.runtime.foreign.regular_file import check_regular

EXPECTED = "a file or a folder of features"
MOST_NAMED = 5  # lines about files that are left out for one reason


@dataclass(frozen=True)
class Layout:
    """How files of one kind are read.

    load: the array of a file that belongs to one video, by its path and --dataset. members: the entries of a
    file that holds all videos, None if files of the kind hold one. table: those of a file in a folder that
    holds several, None for other files; it gets the name that the file has by itself. feature_dim: D of every
    file, None if any.
    """

    suffixes: tuple[str, ...]
    # Which frames a row covers unless the user says so, one of CONVENTIONS.
    convention: str
    load: Callable[[Path, str | None], np.ndarray]
    members: Callable[[Path, str | None], list[Entry]] | None = None
    table: Callable[[Path, str], list[Entry] | None] | None = None
    modality: str = "rgb"
    backbone: str = "unknown"
    feature_dim: int | None = None


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
        check_regular(source, expected=EXPECTED)
        found.entries = [Entry(_stem(source.name, layout), (partial(layout.load, source, dataset),))]
    else:
        check_regular(source, expected=EXPECTED)
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
        relative = path.relative_to(folder).as_posix()
        name = relative if pattern is not None else _stem(relative, layout)
        # Videos in a table have names of their own, which no pattern of files fits.
        table = layout.table(path, name) if layout.table is not None and pattern is None else None
        found.entries += table or [Entry(name, (partial(layout.load, path, dataset),))]
    if pattern is not None:
        found.entries = _renamed(found.entries, pattern, found)
    found.notes += [f"skipped: {line}" for line in refused[:MOST_NAMED]]
    if len(refused) > MOST_NAMED:
        found.notes.append(f"skipped: {len(refused) - MOST_NAMED} more, such as {refused[-1]}")


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


def _stem(name: str, layout: Layout) -> str:
    suffix = next((each for each in layout.suffixes if name.lower().endswith(each)), "")
    return name[: len(name) - len(suffix)]


LAYOUTS = {
    "rtfm": Layout((".npy",), "clips", npy_rows),
    "npy": Layout((".npy",), "clips", npy_rows),
    "npz": Layout((".npz",), "even", npz_rows, npz_members, npz_table),
    "sultani": Layout((".txt",), "sultani", text_rows),
    "hdf5": Layout((".h5", ".hdf5"), "clips", hdf5_rows, hdf5_members),
    "pt": Layout((".pt", ".pth"), "clips", tensor_rows, tensor_members),
    "mat": Layout((".mat",), "clips", mat_rows, mat_members),
    "vggish": Layout((".npy",), "sound", npy_rows, modality="audio", backbone="vggish", feature_dim=128),
}
