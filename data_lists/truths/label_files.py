"""Files with a label per frame: .npy, .npz, MATLAB, or text.

One row of 0 and 1 is one video, or all videos one after another. An .npz or .mat with several rows holds the
rows of several videos by name; a cell array holds them in order, or their events. In a text the numbers stand
one a line, or divided by spaces or commas.
"""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np

from data_lists.truths.annotation import Annotation, Counting, Event, FoundTruth, video_name
from data_lists.truths.label_values import labels_of
from extract.runtime.foreign.arrays import npz_names, read_mat, read_npy, read_npz
from extract.runtime.foreign.foreign_error import ForeignFileError

PAIRS = "first and last frames of events, video after video"
ROW, ROWS, CELLS = (
    "one label per frame",
    "one label per frame, by video",
    "one label per frame, video after video",
)
NUMBER = re.compile(r"[-+]?(\d+\.?\d*|\.\d+)(e[-+]?\d+)?|nan|[-+]?inf", re.IGNORECASE)


def read_npy_labels(path: Path) -> FoundTruth:
    return _long(path, read_npy(path))


def read_npz_labels(path: Path) -> FoundTruth:
    return _named(path, {name: read_npz(path, name) for name in npz_names(path)})


def read_mat_labels(path: Path) -> FoundTruth:
    """Raises ForeignFileError."""
    found = read_mat(path)
    cells = [name for name, value in found.items() if isinstance(value, list)]
    if len(found) == 1 and cells:
        return _cells(path, [np.asarray(each) for each in found[cells[0]]])
    arrays = {name: value for name, value in found.items() if isinstance(value, np.ndarray)}
    if not arrays:
        raise ForeignFileError(path, "holds no array of numbers, expected rows of 0 and 1")
    return _named(path, arrays)


def _cells(path: Path, cells: list[np.ndarray]) -> FoundTruth:
    """A cell a video: a label per frame, or events as [2, N], first and last frame from 1 (Ped2, Avenue)."""
    if all(cell.ndim == 2 and cell.shape[0] == 2 and cell.dtype.kind in "biuf" for cell in cells):
        parts = [
            Annotation(
                "", tuple(Event(float(first), float(last), where=f"cell {number}") for first, last in cell.T)
            )
            for number, cell in enumerate(cells, 1)
        ]
        return FoundTruth(path, PAIRS, parts=tuple(parts), counting=Counting(first=1, inclusive=True))
    parts = []
    for number, cell in enumerate(cells, 1):
        labels = _checked(path, f"cell {number}", cell)
        parts.append(Annotation("", labels=labels, num_frames=len(labels)))
    return FoundTruth(path, CELLS, parts=tuple(parts))


def labels_in_text(path: Path, text: str) -> FoundTruth | None:
    """The labels of a text that holds only numbers, perhaps below one word; None for any other text."""
    words = [word for word in re.split(r"[\s,;]+", text) if word]
    if words and not NUMBER.fullmatch(words[0]) and len(text.split("\n", 1)[0].split()) == 1:
        words = words[1:]  # a header, such as "label"
    if not words or not all(map(NUMBER.fullmatch, words)):
        return None
    return _long(path, np.array([float(word) for word in words]))


def _long(path: Path, values: np.ndarray) -> FoundTruth:
    return FoundTruth(path, ROW, long_labels=_checked(path, "", values))


def _named(path: Path, arrays: dict[str, np.ndarray]) -> FoundTruth:
    if not arrays:
        raise ForeignFileError(path, "holds no array")
    if len(arrays) == 1:
        return _long(path, next(iter(arrays.values())))
    annotations = []
    for name, values in arrays.items():
        labels = _checked(path, name, values)
        annotations.append(Annotation(video_name(name), labels=labels, num_frames=len(labels)))
    return FoundTruth(path, ROWS, tuple(annotations))


def _checked(path: Path, name: str, values: np.ndarray) -> np.ndarray:
    try:
        return labels_of(values)
    except ValueError as error:
        raise ForeignFileError(path, f"{name} {error}".strip()) from None
