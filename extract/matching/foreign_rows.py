"""The features to be matched, as arrays [N, C, D] by name, in whatever layout they are."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from extract.importing.axes import as_float32, oriented
from extract.importing.found_features import Entry
from extract.importing.layout_guess import LayoutGuess, guess_axes, guess_layout
from extract.importing.layouts import LAYOUTS, find_features

# Arrays of this many bytes together stay in memory; RTFM's ten crops of a long video have 500 MB.
KEPT_BYTES = 1 << 30
READ_BYTES = 4 << 30
# Of this many arrays the axes are guessed.
SHAPES_LOOKED_AT = 8


@dataclass(frozen=True)
class ForeignSettings:
    """How features are read, as far as the user says it; None = by what the files hold."""

    layout: str | None = None
    pattern: str | None = None
    axes: str | None = None
    dataset: str | None = None
    modality: str = "rgb"
    # Arrays that are loaded at most, in the order of their names, until they have READ_BYTES together.
    most: int = 400


@dataclass
class ForeignFeatures:
    """What FEATURES holds: names, shapes, and rows that are loaded again when they are needed.

    shapes: name -> (N, C, D) of the arrays that were loaded once. problems: lines about arrays that cannot be
    used. unread: how many were not loaded because of the limits.
    """

    source: Path
    guess: LayoutGuess
    axes: str
    entries: dict[str, Entry]
    dataset: str | None = None
    shapes: dict[str, tuple[int, int, int]] = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    unread: int = 0

    _kept: dict[str, np.ndarray] = field(default_factory=dict)

    def rows(self, name: str) -> np.ndarray:
        """float32 [N, C, D]. Raises ValueError."""
        if name not in self._kept:
            self._kept[name] = self._load(name)
            while len(self._kept) > 1 and sum(rows.nbytes for rows in self._kept.values()) > KEPT_BYTES:
                del self._kept[next(iter(self._kept))]
        return self._kept[name]

    def _load(self, name: str) -> np.ndarray:
        parts = [_turned(load(), self.axes) for load in self.entries[name].loads]
        if len({part.shape for part in parts}) > 1:
            raise ValueError(f"crops have shapes {[list(part.shape) for part in parts]}, expected one")
        return as_float32(np.concatenate(parts, axis=1))

    @property
    def feature_dim(self) -> int:
        """D of most arrays."""
        return _most([shape[2] for shape in self.shapes.values()])

    @property
    def num_crops(self) -> int:
        """C of most arrays."""
        return _most([shape[1] for shape in self.shapes.values()])

    def counts(self) -> dict[str, int]:
        """Name -> N, of the arrays with the usual D and C."""
        usual = (self.num_crops, self.feature_dim)
        return {name: shape[0] for name, shape in self.shapes.items() if shape[1:] == usual}


def read_foreign(
    source: Path,
    settings: ForeignSettings,
    *,
    wanted: Sequence[str],
    first: Sequence[str],
    dimensions: Sequence[int],
) -> ForeignFeatures:
    """Find the features and load each array once, for its shape.

    wanted: ids of all videos, for the names. first: names that are loaded before others. dimensions: usual
    lengths of D. Raises ValueError if nothing can be read.
    """
    guess = guess_layout(source) if settings.layout is None else LayoutGuess(settings.layout, None)
    if settings.pattern is not None:
        guess = LayoutGuess(guess.layout, settings.pattern)
    found = find_features(
        source,
        LAYOUTS[guess.layout],
        dataset=settings.dataset,
        pattern=guess.pattern,
        modality=settings.modality,
        wanted=wanted,
    )
    if not found.entries:
        raise ValueError("\n".join([f"{source}: no features of the layout {guess.layout}", *found.notes]))
    entries = {entry.name: entry for entry in found.entries}
    features = ForeignFeatures(source, guess, settings.axes or "", entries, settings.dataset)
    features.notes = found.notes
    names = [name for name in first if name in entries]
    names += [name for name in sorted(entries) if name not in set(names)]
    _read_shapes(features, names, settings, dimensions)
    if not features.shapes:
        raise ValueError(
            "\n".join([f"{source}: no array can be used", *features.problems[:SHAPES_LOOKED_AT]])
        )
    return features


def _read_shapes(
    features: ForeignFeatures, names: list[str], settings: ForeignSettings, dimensions: Sequence[int]
) -> None:
    read = 0
    if not features.axes:
        shapes = []
        for name in names[:SHAPES_LOOKED_AT]:
            try:
                shapes.append(features.entries[name].loads[0]().shape)
            except (ValueError, MemoryError):
                continue
        features.axes = guess_axes(shapes, dimensions) if shapes else "NCD"
    for position, name in enumerate(names):
        if position >= settings.most or read > READ_BYTES:
            features.unread = len(names) - position
            break
        try:
            array = features.rows(name)
        except (ValueError, MemoryError) as error:
            features.problems.append(f"{name}: {error or 'it needs more memory than there is'}")
        else:
            rows, crops, width = array.shape
            features.shapes[name] = (rows, crops, width)
            read += array.nbytes


def _turned(array: np.ndarray, axes: str) -> np.ndarray:
    while array.ndim > 2 and array.shape[-1] == 1:
        array = array[..., 0]
    return oriented(array, axes, None)


def _most(values: list[int]) -> int:
    return max(sorted(set(values)), key=values.count)
