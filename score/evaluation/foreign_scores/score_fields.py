"""Named values of one video, of a JSON object, an .npz or a group of HDF5: scores, and where they lie."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from score.evaluation.foreign_scores.score_columns import (
    MILLISECONDS,
    POSITION_KEYS,
    SCORE_COLUMNS,
    column_key,
    columns_of,
)
from score.evaluation.foreign_scores.score_rows import (
    SECONDS,
    Positions,
    ScoreRows,
    real_numbers,
    score_rows,
    without_single_axes,
)

SPANS = ("span", "spans", "frame_span")


def score_field(names: Iterable[str]) -> str | None:
    """The name of the scores among the names of several values; None if there is none."""
    keys = {column_key(name): name for name in names}
    return next((keys[key] for each in SCORE_COLUMNS if (key := column_key(each)) in keys), None)


def is_place(name: str) -> bool:
    """Whether values of this name say where scores lie."""
    return name.casefold() in SPANS or column_key(name) in POSITION_KEYS


def field_rows(values: Mapping[str, Any], score: str) -> tuple[ScoreRows, tuple[str, ...]]:
    """The scores named `score` with their span or positions, and the names of the values that were read.

    A single number beside many scores describes the video and is no position. Raises ValueError.
    """
    span = next((name for name in values if name.casefold() in SPANS), None)
    if span is not None:
        return score_rows(values[score], values[span]), (score, span)
    checked = score_rows(values[score])
    places = [
        name
        for name, each in values.items()
        if name != score and is_place(name) and (np.size(each) > 1 or len(checked.score) == np.size(each))
    ]
    if not places:
        return checked, (score,)
    columns = columns_of([score, *places])
    unit = columns.unit
    scale, unit = (1000.0, SECONDS) if unit == MILLISECONDS else (1.0, unit)
    start, stop = (
        None if number is None else _numbers(values, columns.header[number], len(checked.score)) / scale
        for number in (columns.start, columns.stop)
    )
    read = tuple(columns.header[each] for each in (columns.start, columns.stop) if each is not None)
    return ScoreRows(checked.score, Positions(start, stop, unit, columns.positions)), (score, *read)


def _numbers(values: Mapping[str, Any], name: str, count: int) -> np.ndarray:
    array = without_single_axes(real_numbers(values[name], name))
    if array.shape != (count,):
        raise ValueError(f"{name} has shape {list(array.shape)} beside {count} scores, expected one for each")
    if not np.isfinite(array).all():
        raise ValueError(f"{name} holds NaN or infinity at position {int(np.argmin(np.isfinite(array)))}")
    return array.astype(np.float64)
