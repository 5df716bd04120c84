"""Readers of the layouts in which features are published; nothing is ever unpickled."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import h5py
import numpy as np

from extract.store.hdf5_group import dataset_of

CROP_SUFFIX = re.compile(r"__(\d+)$")
NAME_SUFFIX = re.compile(r"(_i3d|_rgb|_flow|_c3d|_x264)$")


@dataclass(frozen=True)
class Entry:
    """Features of one video as found: its path below the folder, and what loads them: [N, D] or [N, C, D]."""

    name: str
    load: Callable[[], np.ndarray]


def plain_name(name: str) -> str:
    """The last path component without the suffixes that extraction programs add."""
    stem = name.rsplit("/", 1)[-1]
    while (shorter := NAME_SUFFIX.sub("", stem)) != stem:
        stem = shorter
    return stem


def _array(path: Path) -> np.ndarray:
    try:
        return np.load(path, allow_pickle=False)
    except (ValueError, OSError, EOFError) as error:
        if "Object arrays" in str(error):
            raise ValueError(
                f"{path} holds Python objects (dtype object), which are never loaded; save numbers"
            ) from None
        raise ValueError(f"{path} is not a readable .npy file: {str(error).splitlines()[0]}") from None


def _below(folder: Path, suffix: str) -> list[tuple[str, Path]]:
    files = sorted(path for path in folder.rglob(f"*{suffix}") if path.is_file())
    return [(path.relative_to(folder).as_posix().removesuffix(suffix), path) for path in files]


def _npy(folder: Path, _dataset: str | None) -> list[Entry]:
    """One .npy per video, [N, D] or [N, C, D], or per crop (`name__0.npy`; without a number it is crop 0)."""
    files = _below(folder, ".npy")
    cropped = {CROP_SUFFIX.sub("", name) for name, _ in files if CROP_SUFFIX.search(name)}
    crops: dict[str, dict[int, Path]] = {}
    for name, path in files:
        match = CROP_SUFFIX.search(name)
        base = CROP_SUFFIX.sub("", name)
        # -1 marks a video that is not split into crops.
        number = int(match[1]) if match else (0 if name in cropped else -1)
        crops.setdefault(base, {})[number] = path
    return [Entry(name, lambda paths=paths: _stacked(paths)) for name, paths in crops.items()]


def _stacked(paths: dict[int, Path]) -> np.ndarray:
    if set(paths) == {-1}:
        return _array(paths[-1])
    if sorted(paths) != list(range(len(paths))):
        raise ValueError(f"crops {sorted(paths)} are there, expected 0 to {max(paths)} without a gap")
    rows = [_array(paths[number]) for number in sorted(paths)]
    if len({each.shape for each in rows}) > 1 or rows[0].ndim != 2:
        raise ValueError(
            f"crops have shapes {sorted({each.shape for each in rows})}, expected one shape [N, D]"
        )
    return np.stack(rows, 1)


def _sultani(folder: Path, _dataset: str | None) -> list[Entry]:
    """One text file per video: 32 lines of D numbers."""
    return [Entry(name, lambda path=path: _text(path)) for name, path in _below(folder, ".txt")]


def _text(path: Path) -> np.ndarray:
    try:
        return np.loadtxt(path, dtype=np.float32, ndmin=2)
    except (ValueError, UnicodeDecodeError) as error:
        raise ValueError(f"{path} is not a table of numbers: {str(error).splitlines()[0]}") from None


def _npz(folder: Path, dataset: str | None) -> list[Entry]:
    """One file with x [V, N, D] and names [V], or one file per video with a single array."""
    files = [("", folder)] if folder.is_file() else _below(folder, ".npz")
    entries = []
    for name, path in files:
        try:
            with np.load(path, allow_pickle=False) as archive:
                keys = archive.files
                names = [str(each) for each in archive["names"]] if {"x", "names"} <= set(keys) else None
        except (ValueError, OSError) as error:
            raise ValueError(f"{path} is not a readable .npz file: {str(error).splitlines()[0]}") from None
        if names is not None:
            table = _member(path, "x")
            if len(table) != len(names):
                raise ValueError(f"{path}: x has {len(table)} videos, names has {len(names)}")
            entries += [Entry(each, lambda row=row: row) for each, row in zip(names, table, strict=True)]
        else:
            entries.append(Entry(name, lambda path=path, keys=keys: _only_member(path, keys, dataset)))
    return entries


def _only_member(path: Path, keys: list[str], dataset: str | None) -> np.ndarray:
    name = dataset or (
        keys[0] if len(keys) == 1 else next((key for key in ("features", "x") if key in keys), None)
    )
    if name not in keys:
        raise ValueError(f"{path} holds {', '.join(keys) or 'nothing'}; choose one with --dataset")
    return _member(path, name)


def _member(path: Path, name: str) -> np.ndarray:
    with np.load(path, allow_pickle=False) as archive:
        try:
            return archive[name]
        except ValueError:  # numpy's own message advises to allow pickle
            raise ValueError(
                f"{path}: {name} holds Python objects (dtype object), which are never loaded"
            ) from None


def _hdf5(folder: Path, dataset: str | None) -> list[Entry]:
    """One HDF5 file; dataset is the path of a video's rows in it, such as `{id}/features`."""
    if not folder.is_file():
        raise ValueError(f"{folder} is a folder, expected one HDF5 file")
    before, brace, after = (dataset or "{id}").partition("{id}")
    if not brace:
        raise ValueError(f"--dataset {dataset}: expected a pattern with {{id}} in it, as in {{id}}/features")
    found = []

    def visit(name, node):
        if isinstance(node, h5py.Dataset) and name.startswith(before) and name.endswith(after):
            found.append((name[len(before) : len(name) - len(after)], name))

    try:
        with h5py.File(folder, "r") as file:
            file.visititems(visit)
    except OSError as error:
        raise ValueError(f"{folder} is not a readable HDF5 file: {str(error).splitlines()[0]}") from None
    return [Entry(name, lambda place=place: _dataset(folder, place)) for name, place in found]


def _dataset(path: Path, place: str) -> np.ndarray:
    with h5py.File(path, "r") as file:
        rows = dataset_of(file, place)
        if rows.dtype.kind == "O":
            raise ValueError(f"{path}: {place} holds Python objects or text, expected numbers")
        return rows[()]


# Layout -> (reader of a folder or file, convention of its rows unless the user states one).
LAYOUTS = {
    "rtfm": (_npy, "clips"),
    "npy": (_npy, "clips"),
    "npz": (_npz, "even"),
    "sultani": (_sultani, "sultani"),
    "hdf5": (_hdf5, "clips"),
}
