"""Arrays in HDF5 files of other people, read in the sandbox because damaged files crash the library."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from extract.runtime.foreign.foreign_error import ForeignFileError
from extract.runtime.foreign.hdf5_files import HDF5, dataset_of, datasets_below, open_hdf5, read_dataset
from extract.runtime.foreign.regular_file import check_regular
from extract.runtime.foreign.sandbox import in_sandbox
from extract.runtime.text import listed


def dataset_places(path: Path) -> tuple[list[str], dict[str, str]]:
    """(places of all datasets, place -> reason of what is refused or damaged). Raises ForeignFileError."""
    check_regular(path, expected=HDF5)
    places, refused = in_sandbox(_places, path, kind=HDF5)
    return places, {place: reason for place, reason in refused}


def rows_at(path: Path, place: str) -> np.ndarray:
    """The dataset at a place. Raises ForeignFileError."""
    check_regular(path, expected=HDF5)
    return in_sandbox(_rows, path, place, kind=HDF5)


def only_rows(path: Path, names: list[str]) -> np.ndarray:
    """The only dataset of a file, else the one with the first of these names that is there.

    Raises ForeignFileError.
    """
    check_regular(path, expected=HDF5)
    return in_sandbox(_only_rows, path, names, kind=HDF5)


def _places(path: str) -> list:
    refused: list[list[str]] = []
    with open_hdf5(path) as file:
        found = [
            place
            for place, _ in datasets_below(
                file, on_problem=lambda place, error: refused.append([place, error.reason])
            )
        ]
    return [found, refused]


def _rows(path: str, place: str) -> np.ndarray:
    with open_hdf5(path) as file:
        return read_dataset(dataset_of(file, place))


def _only_rows(path: str, names: list[str]) -> np.ndarray:
    with open_hdf5(path) as file:
        found = dict(datasets_below(file))
        place = choice(list(found), names)
        if place is None:
            raise ForeignFileError(path, nothing_chosen(list(found)))
        return read_dataset(found[place])


def choice(there: list[str], names: list[str]) -> str | None:
    """The first of the names that is there, else the only array; None where neither is."""
    return next((name for name in names if name in there), there[0] if len(there) == 1 else None)


def nothing_chosen(there: list[str]) -> str:
    """The reason where `choice` gives None."""
    return f"holds {listed(there) or 'nothing'}; choose one with --dataset"
