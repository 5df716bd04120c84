"""Boxes of anomalies as data sets publish them: one file per video, one box of a track per line.

    FOLDER/<id>.csv    a header with frame, track_id, x1, y1, x2, y2
    FOLDER/<id>.txt    track_id,frame,x1,y1,x2,y2 without a header (the tracks of ShanghaiTech and Subway by
                       Georgescu et al., TPAMI 2021, https://arxiv.org/abs/2008.12328)

Frames count from 0; boxes are left, top, right, bottom in pixels of the video. data_lists.masks explains how
the file of a video is found.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from data_lists.list_error import ListError, unreadable
from data_lists.masks import candidate_paths
from data_lists.video_checks import MOST_FRAMES
from extract.runtime.foreign.foreign_error import ForeignFileError
from extract.runtime.foreign.regular_file import present
from extract.runtime.foreign.text_files import read_csv

COLUMNS = ("frame", "track_id", "x1", "y1", "x2", "y2")
MOST_TRACK = 1 << 53  # whole numbers beyond are not exact
PUBLISHED = ("track_id", "frame", "x1", "y1", "x2", "y2")


@dataclass(frozen=True)
class Boxes:
    """The M boxes of one video, ordered by frame."""

    path: Path
    frame: np.ndarray  # int64 [M]
    track: np.ndarray  # int64 [M]
    box: np.ndarray  # float64 [M, 4]: left, top, right, bottom in pixels


def open_boxes(folder: str | Path, video_id: str) -> Boxes:
    """The boxes of a video. Raises ListError if there is no file, or if two files match."""
    for stem in candidate_paths(folder, video_id):
        matches = present(stem.with_name(stem.name + suffix) for suffix in (".csv", ".txt"))
        if len(matches) > 1:
            raise ListError([f"two box files match, {matches[0]} and {matches[1]}; remove or rename one"])
        if matches:
            return read_boxes(matches[0])
    raise ListError([f"{Path(folder) / video_id}: no boxes; expected .csv or .txt"])


def read_boxes(path: Path) -> Boxes:
    """The boxes of one file. Raises ListError with the line of the first mistake."""
    try:
        rows = read_csv(path)
    except ForeignFileError as error:
        raise ListError([unreadable("the boxes", error)]) from None
    table = np.array([_numbers(path, line, row) for line, row in _rows(path, rows)], dtype=np.float64)
    table = table.reshape(-1, len(COLUMNS))
    # Published files may be ordered by track.
    table = table[np.argsort(table[:, 0], kind="stable")]
    return Boxes(path, table[:, 0].astype(np.int64), table[:, 1].astype(np.int64), table[:, 2:])


def _rows(path: Path, rows: list[list[str]]) -> Iterator[tuple[int, dict[str, str]]]:
    """Line number and fields by column name of every row."""
    names, first = PUBLISHED, 1
    if path.suffix == ".csv":
        names, first, rows = tuple(rows[0]) if rows else (), 2, rows[1:]
        if missing := [name for name in COLUMNS if name not in names]:
            raise ListError(
                [f"{path}, line 1: column {', '.join(missing)} is missing; expected {','.join(COLUMNS)}"]
            )
    for number, fields in enumerate(rows, start=first):
        if fields:
            # A .csv may have columns of its own, and rows without them; a .txt has these six and no others.
            fitting = path.suffix == ".csv" or len(fields) == len(names)
            yield number, dict(zip(names, fields, strict=False)) if fitting else {}


def _numbers(path: Path, line: int, row: dict[str, str]) -> list[float]:
    """The numbers of a row in the order of COLUMNS. Raises ListError for anything else."""
    try:
        frame, track, *box = (float(row[name]) for name in COLUMNS)
    except (KeyError, ValueError):
        names = COLUMNS if path.suffix == ".csv" else PUBLISHED
        raise ListError([f"{path}, line {line}: expected {','.join(names)} as numbers"]) from None
    left, top, right, bottom = box
    if not (0 <= frame < MOST_FRAMES and frame.is_integer()):
        expected = f"expected a whole number from 0 and below {MOST_FRAMES}"
        raise ListError([f"{path}, line {line}: frame {frame:g}, {expected}"])
    if not (abs(track) <= MOST_TRACK and track.is_integer()):
        raise ListError([f"{path}, line {line}: track_id {track:g}, expected a whole number"])
    if not (np.isfinite(box).all() and right > left and bottom > top):
        raise ListError([f"{path}, line {line}: box {box} is not left, top, right, bottom in pixels"])
    return [frame, track, *box]
