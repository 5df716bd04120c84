"""Resolve what a user names (list files, data sets, folders) to videos."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from pathlib import Path

from data_lists.datasets import DATASETS, SPLITS, load_located
from data_lists.folders import read_folder
from data_lists.list_error import ListError
from data_lists.savd import read_savd
from data_lists.tsv import duplicate_problems, read_located, videos_of
from data_lists.video import LocatedVideo, Video


def resolve_lists(names: Iterable[str | os.PathLike]) -> list[Video]:
    """The union of lists, in the given order.

    Each name is a list file, "DATASET/SPLIT", a folder with a data set of the user (see folders.py) or a SAVD
    split (savd.py). A published name wins over a folder of the same name; write "./ucf_crime/test" for the
    folder. Raises ListError with all mistakes of all lists, including videos that two of them contain.
    """
    parts: list[Sequence[LocatedVideo]] = []
    problems: list[str] = []
    seen: set[str] = set()
    for given in names:
        name = os.fspath(given)
        if name in seen:
            problems.append(f"{name}: the same list is given twice")
            continue
        seen.add(name)
        videos, mistakes = _read_located(name)
        parts.append(videos)
        problems += mistakes
    located = parts[0] if len(parts) == 1 else [each for part in parts for each in part]
    problems += duplicate_problems(located)
    if not located and not problems:
        problems.append("no list is given")
    if problems:
        raise ListError(problems)
    return videos_of(located)


def check_disjoint(train: Iterable[Video], test: Iterable[Video]) -> None:
    """Raise ListError with every video of `test` that `train` contains too."""
    trained = {video.video_id for video in train}
    shared = [video.video_id for video in test if video.video_id in trained]
    if shared:
        raise ListError([f"{video_id}: in the training list and in the test list" for video_id in shared])


def _read_located(name: str) -> tuple[Sequence[LocatedVideo], list[str]]:
    # Published names first, as documented; "./ucf_crime/test" does not match one.
    dataset, _, split = name.rpartition("/")
    if dataset in DATASETS and split in SPLITS:
        return load_located(dataset, split)
    path = Path(name)
    if path.is_dir():
        return read_folder(path)
    if path.suffix == ".json":
        return read_savd(path)
    # More likely a misspelt name than a file.
    if not path.exists() and path.suffix == "" and not path.is_absolute():
        if dataset in DATASETS:
            return load_located(dataset, split)  # its problem lists the splits
        return [], [
            f"{name}: no such file or folder, and no data set with a split; known: "
            + ", ".join(f"{known}/{split}" for known in DATASETS for split in SPLITS)
        ]
    return read_located(path)
