"""HDF5 files of scores, read in a sandbox because damaged ones can crash the library."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from extract.runtime.foreign.arrays import NUMBERS
from extract.runtime.foreign.hdf5_files import HDF5, datasets_below, open_hdf5, read_dataset
from extract.runtime.foreign.sandbox import in_sandbox
from score.evaluation.foreign_scores.score_columns import SCORE_COLUMNS
from score.evaluation.foreign_scores.score_content import Content
from score.evaluation.foreign_scores.score_fields import field_rows, is_place, score_field
from score.evaluation.foreign_scores.score_rows import ScoreRows, each_checked


def read_hdf5(path: Path) -> Content:
    """A dataset a video, or a group with score and positions, at the path of its id. Raises ValueError."""
    arrays: dict[str, np.ndarray] = in_sandbox(load_datasets, path, kind=HDF5)
    if not arrays:
        raise ValueError("holds no dataset of numbers")
    videos: dict[str, dict[str, Any]] = {}
    for place, array in arrays.items():
        group, _, last = place.rpartition("/")
        # A group with `score` is one video, and its datasets are none.
        if any(f"{group}/{each}".lstrip("/") in arrays for each in SCORE_COLUMNS) and (
            last in SCORE_COLUMNS or is_place(last)
        ):
            videos.setdefault(group, {})[last] = array
        else:
            videos[place] = {"score": array}
    named, wrong = each_checked(videos.items(), _rows)
    whole: ScoreRows | None = named.pop("", None)
    if "" in wrong:
        raise ValueError(wrong.pop(""))
    if whole is None and len(videos) == 1:
        whole = next(iter(named.values()), None)
    return Content(whole=whole, named=named, wrong=wrong)


def _rows(values: dict[str, Any]) -> ScoreRows:
    key = score_field(values)
    assert key is not None
    return field_rows(values, key)[0]


def load_datasets(path: str) -> dict[str, np.ndarray]:
    """Place -> numbers of every dataset; runs in the sandbox. Raises ForeignFileError."""
    with open_hdf5(path) as file:
        return {
            place: read_dataset(dataset)
            for place, dataset in datasets_below(file)
            if dataset.dtype.kind in NUMBERS  # names of videos may stand beside them
        }
