"""HDF5 files of scores, read in a sandbox because damaged ones can crash the library."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from extract.runtime.foreign.arrays import NUMBERS
from extract.runtime.foreign.hdf5_files import HDF5, datasets_below, open_hdf5, read_dataset
from extract.runtime.foreign.sandbox import in_sandbox
from score.evaluation.foreign_scores.score_content import Content
from score.evaluation.foreign_scores.score_documents import SPANS
from score.evaluation.foreign_scores.score_rows import ScoreRows, each_checked, score_rows

SCORES = ("score", "scores")


def read_hdf5(path: Path) -> Content:
    """A dataset a video, or a group with score and span, at the path of its id. Raises ValueError."""
    arrays: dict[str, np.ndarray] = in_sandbox(load_datasets, path, kind=HDF5)
    if not arrays:
        raise ValueError("holds no dataset of numbers")
    videos: dict[str, dict[str, Any]] = {}
    for place, array in arrays.items():
        group, _, last = place.rpartition("/")
        # A group with `score` is one video, and its datasets are none.
        if any(f"{group}/{each}".lstrip("/") in arrays for each in SCORES) and last in (*SCORES, *SPANS):
            videos.setdefault(group, {})["score" if last in SCORES else "span"] = array
        else:
            videos[place] = {"score": array}
    named, wrong = each_checked(videos.items(), lambda each: score_rows(each["score"], each.get("span")))
    whole: ScoreRows | None = named.pop("", None)
    if "" in wrong:
        raise ValueError(wrong.pop(""))
    if whole is None and len(videos) == 1:
        whole = next(iter(named.values()), None)
    return Content(whole=whole, named=named, wrong=wrong)


def load_datasets(path: str) -> dict[str, np.ndarray]:
    """Place -> numbers of every dataset; runs in the sandbox. Raises ForeignFileError."""
    with open_hdf5(path) as file:
        return {
            place: read_dataset(dataset)
            for place, dataset in datasets_below(file)
            if dataset.dtype.kind in NUMBERS  # names of videos may stand beside them
        }
