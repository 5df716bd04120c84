"""The scores of one video as a file holds them, checked, and what it says about where they lie."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np

LARGEST = 1e100  # beyond it differences and sums of scores overflow
FRAMES, SECONDS, ROWS, INDEX, UNKNOWN = "frames", "seconds", "rows", "index", "frames or seconds"


@dataclass(frozen=True)
class Positions:
    """What the rows of a video say about their places.

    start, stop: float64 [N]; one of them may be None. unit: FRAMES, SECONDS, ROWS (numbers of segments),
    INDEX (numbers of rows or frames) or UNKNOWN. name: of the columns, for messages. exact: frames [start,
    stop) counted from 0, as the format defines; else numbering decides.
    """

    start: np.ndarray | None
    stop: np.ndarray | None
    unit: str
    name: str
    exact: bool = False

    @property
    def place(self) -> np.ndarray:
        """The starts, or the stops of rows without starts."""
        values = self.stop if self.start is None else self.start
        assert values is not None
        return values


@dataclass(frozen=True)
class ScoreRows:
    """score: float64 [N], finite. positions: None if the order of the rows is all there is."""

    score: np.ndarray
    positions: Positions | None = None


def score_rows(values: Any, span: Any = None) -> ScoreRows:
    """Check the scores of one video, [N], [N, 1] or [1, N], and their spans [N, 2]. Raises ValueError."""
    array = without_single_axes(real_numbers(values, "score"))
    if array.ndim != 1:
        raise ValueError(f"has shape {list(array.shape)}, expected one row of scores [N]")
    if not len(array):
        raise ValueError("holds no score")
    scores = array.astype(np.float64)
    if not np.isfinite(scores).all():
        wrong = np.flatnonzero(~np.isfinite(scores))
        raise ValueError(
            f"{len(wrong)} of {len(scores)} scores are NaN or infinite, the first at position {wrong[0]}"
        )
    if np.abs(scores).max() > LARGEST:
        raise ValueError(
            f"holds a score of {scores[np.abs(scores).argmax()]:g}, expected at most {LARGEST:g}"
        )
    if span is None:
        return ScoreRows(scores)
    frames = real_numbers(span, "span")
    if frames.shape != (len(scores), 2) or not np.array_equal(frames, np.floor(frames)):
        raise ValueError(
            f"holds {len(scores)} scores and spans of shape {list(frames.shape)}; "
            f"expected [{len(scores)}, 2] whole numbers, frames start and stop"
        )
    frames = frames.astype(np.float64)
    return ScoreRows(scores, Positions(frames[:, 0], frames[:, 1], FRAMES, "span", exact=True))


def real_numbers(values: Any, name: str) -> np.ndarray:
    """An array of real numbers. Raises ValueError for anything else."""
    try:
        array = np.asarray(values)
    except ValueError:
        raise ValueError(f"{name} is not a row of numbers: its parts have different lengths") from None
    if array.dtype.kind not in "biuf" and array.size:
        kind = "values that are not numbers" if array.dtype.kind in "OSU" else str(array.dtype)
        raise ValueError(f"holds {kind}, expected real numbers")
    return array


def without_single_axes(array: np.ndarray) -> np.ndarray:
    """[1, N] and [N, 1, 1] as [N]; a single number as [1]."""
    return array.reshape([size for size in array.shape if size != 1] or [1])


def each_checked(
    items: Iterable[tuple[str, Any]], make: Callable[[Any], ScoreRows]
) -> tuple[dict[str, ScoreRows], dict[str, str]]:
    """Rows by name, and problems of the other names, so that one wrong video does not hide the others."""
    found, wrong = {}, {}
    for name, values in items:
        try:
            found[name] = make(values)
        except ValueError as error:
            wrong[name] = str(error)
    return found, wrong
