"""From what a user names (list files, data sets, folders) to the videos of all of them."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path

from data_lists.datasets import DATASETS, SPLITS, load_placed
from data_lists.folders import read_folder
from data_lists.list_error import ListError
from data_lists.savd import read_savd
from data_lists.tsv import duplicate_problems, read_placed
from data_lists.video import Video


def resolve_lists(names: Iterable[str | os.PathLike]) -> list[Video]:
    """The union of lists, in the order given.

    Each name is a list file, "DATASET/SPLIT", a folder of an own data set (see folders.py) or a SAVD split
    (savd.py). A published
    name wins over a folder of the same name; write "./ucf_crime/test" for the folder.
    Raises ListError with all mistakes of all lists, a video that two of them hold included.
    """
    placed: list[tuple[Video, str]] = []
    problems: list[str] = []
    seen: set[str] = set()
    for name in map(os.fspath, names):
        if name in seen:
            problems.append(f"{name}: the same list is given twice")
            continue
        seen.add(name)
        videos, mistakes = _read_placed(name)
        placed += videos
        problems += mistakes
    problems += duplicate_problems(placed)
    if not placed and not problems:
        problems.append("no list is given")
    if problems:
        raise ListError(problems)
    return [video for video, _ in placed]


def check_disjoint(train: Iterable[Video], test: Iterable[Video]) -> None:
    """Raises ListError that names every video of `test` that `train` holds too."""
    trained = {video.video_id for video in train}
    shared = [video.video_id for video in test if video.video_id in trained]
    if shared:
        raise ListError([f"{video_id}: in the training list and in the test list" for video_id in shared])


def _read_placed(name: str) -> tuple[list[tuple[Video, str]], list[str]]:
    dataset, _, split = name.rpartition("/")
    if dataset in DATASETS and split in SPLITS:
        return load_placed(dataset, split)
    path = Path(name)
    if path.is_dir():
        return read_folder(path)
    if path.suffix == ".json":
        return read_savd(path)
    if not path.exists() and path.suffix == "" and not path.is_absolute():  # rather a name than a file
        if dataset in DATASETS:
            return load_placed(dataset, split)  # says which splits there are
        return [], [
            f"{name}: no such file or folder, and no data set with a split; known: "
            + ", ".join(f"{known}/{split}" for known in DATASETS for split in SPLITS)
        ]
    return read_placed(path)
