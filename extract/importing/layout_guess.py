"""The layout, name pattern and axes of features that nobody describes, by what the files hold."""

from __future__ import annotations

import os
import zipfile
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from extract.importing.axes import MOST_CROPS
from extract.importing.layouts import LAYOUTS
from extract.runtime.foreign.file_kinds import is_text, what_it_is
from extract.runtime.foreign.folder_walk import files_below
from extract.runtime.foreign.foreign_error import ForeignFileError, reading
from extract.runtime.foreign.regular_file import check_regular, open_regular
from extract.runtime.text import listed

# What a file is by its first bytes -> its layout; a ZIP archive is npz or pt by the names in it.
BY_CONTENT = {
    "a NumPy array": "npy",
    "an HDF5 file": "hdf5",
    "a MATLAB": "mat",
    "a Python pickle": "pt",  # older files of torch.save; read with weights_only
}
# Files of a folder whose content decides; data sets have thousands of the same kind.
LOOKED_AT = 50
# Numbers of crops, the most frequent first.
USUAL_CROPS = (1, 10, 5, 3, 2)


@dataclass(frozen=True)
class LayoutGuess:
    """A key of LAYOUTS, and the pattern that names the files, None where their suffix is the usual one."""

    layout: str
    pattern: str | None


def guess_layout(source: Path) -> LayoutGuess:
    """The layout of most files of a folder, or of one file, by content and never by name.

    Raises ValueError if no file has a known layout.
    """
    if not os.path.isdir(source):
        check_regular(source, expected="a file or a folder of features")
        layout = layout_of_file(source)
        if layout is None:
            raise ValueError(f"{source}: {what_it_is(source) or 'it is in no layout of features'}")
        return LayoutGuess(layout, None)
    kinds: Counter[tuple[str, str]] = Counter()
    others: list[str] = []
    for path in files_below(source, wanted=lambda _: True, on_problem=lambda _: None, links=False):
        if layout := layout_of_file(path):
            kinds[layout, path.suffix] += 1
        else:
            others.append(path.name)
        if kinds.total() + len(others) >= LOOKED_AT:
            break
    if not kinds:
        held = f"only {listed(others)}" if others else "nothing"
        raise ValueError(f"{source}: no features in a known layout; it holds {held}")
    (layout, suffix), _ = kinds.most_common(1)[0]
    usual = suffix.lower() in LAYOUTS[layout].suffixes
    return LayoutGuess(layout, None if usual else "{id}" + suffix)


def layout_of_file(path: Path) -> str | None:
    """The layout of a file by its first bytes; None for other files."""
    kind = (what_it_is(path) or "").removeprefix("it is ")
    if kind.startswith("a ZIP archive"):
        return _of_archive(path)
    for start, layout in BY_CONTENT.items():
        if kind.startswith(start):
            return layout
    return "sultani" if not kind and _is_numbers(path) else None


def guess_axes(shapes: Sequence[tuple[int, ...]], dimensions: Sequence[int]) -> str:
    """The order of axes, one of axes.ORDERS, that fits the shapes of several videos.

    dimensions: usual lengths of D. D does not change between videos, C neither and is small, N is left. Axes
    of length 1 behind three others are left out, as axes.oriented does.
    """
    found = [_without_ones(shape) for shape in shapes]
    if any(len(shape) != len(found[0]) for shape in found) or len(found[0]) not in (2, 3):
        return "NCD"
    axes = range(len(found[0]))
    fixed = [axis for axis in axes if len({shape[axis] for shape in found}) == 1]
    width = _width(found[0], fixed or list(axes), dimensions)
    rest = [axis for axis in axes if axis != width]
    if len(rest) == 1:
        return "NCD" if width == 1 else "NDC"
    crops = [axis for axis in rest if axis in fixed and found[0][axis] in USUAL_CROPS]
    # where videos have equally few rows, several axes may be crops: what people have most of
    crops.sort(key=lambda axis: USUAL_CROPS.index(found[0][axis]))
    crops = crops or sorted(rest, key=lambda axis: (axis not in fixed, found[0][axis]))
    order = [""] * 3
    order[width], order[crops[0]] = "D", "C"
    return "".join(each or "N" for each in order)


def _width(shape: tuple[int, ...], fixed: list[int], dimensions: Sequence[int]) -> int:
    """The axis of the numbers: a usual length first, then the last long axis that all videos share."""
    usual = [axis for axis in fixed if shape[axis] in dimensions and shape[axis] > MOST_CROPS]
    return max(usual, default=max(fixed, key=lambda axis: (shape[axis], axis)))


def _without_ones(shape: tuple[int, ...]) -> tuple[int, ...]:
    while len(shape) > 2 and shape[-1] == 1:
        shape = shape[:-1]
    return shape


def _of_archive(path: Path) -> str | None:
    try:
        with open_regular(path) as file, reading(path, "a ZIP archive"), zipfile.ZipFile(file) as archive:
            names = archive.namelist()
    except ForeignFileError:
        return None
    if any(name.rpartition("/")[2] == "data.pkl" for name in names):
        return "pt"
    return "npz" if any(name.endswith(".npy") for name in names) else None


def _is_numbers(path: Path) -> bool:
    """Whether a text begins with a number."""
    if not is_text(path):
        return False
    with open_regular(path) as file:
        words = file.read(400).decode(errors="replace").replace(",", " ").replace(";", " ").split()
    try:
        return bool(words) and [float(word) for word in words[:1]] != []
    except ValueError:
        return False
