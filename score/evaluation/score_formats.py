"""Files of scores that any program can write: .npy, .csv (.tsv), .json and .h5, of one video or of many.

    one video   .npy   [N]
                .csv   a number per line, or a header: `score`, and `start`, `stop` of rows that are segments
                .json  [0.1, ...], or {"score": [0.1, ...], "span": [[0, 16], ...]}
                .h5    the only dataset, [N], or one named `score` and next to it `span` [N, 2]
    many        .csv   the same with a column `video_id`; rows of a video in the order of its frames
                .json  {"VIDEO_ID": what a file of one video holds, ...}
                .h5    a dataset, or a group with `score` and `span`, at the path VIDEO_ID

Spans are frames [start, stop), counted from 0. Every mistake is a ValueError with one line.
"""

from __future__ import annotations

import csv
import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import h5py
import numpy as np

SUFFIXES = (".npy", ".csv", ".tsv", ".json", ".h5", ".hdf5")
SCORE, SPAN = "score", "span"
LARGEST = 1e100  # beyond it differences and sums of scores overflow


@dataclass(frozen=True)
class ScoreRows:
    """score: float64 [N], finite. span: int64 [N, 2], the frames of each; None if positions decide."""

    score: np.ndarray
    span: np.ndarray | None = None


def read_one(path: Path) -> ScoreRows:
    """The scores of one video. Raises ValueError."""
    suffix = path.suffix.lower()
    if suffix == ".npy":
        return score_rows(read_array(path))
    if suffix in (".csv", ".tsv"):
        rows = _csv_rows(path, named=False)
        return _from_csv(rows.get("", []))
    if suffix == ".json":
        return _from_json(_read_json(path))
    with _open_h5(path) as file:
        if SCORE in file or len(file) != 1:
            return _from_h5(file)
        return _from_h5(next(iter(file.values())))


def read_many(path: Path) -> tuple[dict[str, ScoreRows], dict[str, str]]:
    """Scores by video id, and problems of other videos by video id.

    Raises ValueError if the file as a whole is wrong.
    """
    suffix = path.suffix.lower()
    if suffix in (".csv", ".tsv"):
        return _each(_csv_rows(path, named=True).items(), _from_csv)
    if suffix == ".json":
        values = _read_json(path)
        if not isinstance(values, dict):
            kind = type(values).__name__
            raise ValueError(f"holds {kind}, expected {{VIDEO_ID: scores, ...}} of all videos")
        return _each(values.items(), _from_json)
    with _open_h5(path) as file:
        found: dict[str, h5py.Dataset | h5py.Group] = {}

        def collect(name: str, item: h5py.Dataset | h5py.Group) -> None:
            # A group with `score` is one video, and its datasets are none.
            parent, _, last = name.rpartition("/")
            if isinstance(item, h5py.Group) and SCORE in item:
                found[name] = item
            elif isinstance(item, h5py.Dataset) and not (last in (SCORE, SPAN) and parent in found):
                found[name] = item

        file.visititems(collect)
        return _each(found.items(), _from_h5)


def read_array(path: Path) -> np.ndarray:
    """The array of an .npy file that holds plain numbers."""
    try:
        array = np.load(path, allow_pickle=False)
    except (OSError, EOFError, MemoryError, SyntaxError) as error:
        raise ValueError(f"cannot be read as .npy ({error or type(error).__name__})") from None
    except ValueError as error:
        objects = "pickle" in str(error).lower() or "object" in str(error).lower()
        reason = "it holds Python objects" if objects else str(error)
        raise ValueError(f"cannot be read as .npy ({reason}); save plain numbers with numpy.save") from None
    if not isinstance(array, np.ndarray):
        array.close()
        raise ValueError(
            "is an archive of arrays; expected one array of plain numbers, saved with numpy.save"
        )
    return array


def score_rows(values: Any, span: Any = None) -> ScoreRows:
    """Check numbers and spans of one video."""
    scores = _numbers(values, SCORE)
    if scores.ndim != 1:
        raise ValueError(f"has shape {list(scores.shape)}, expected one row of scores [N]")
    if not len(scores):
        raise ValueError("holds no score")
    scores = scores.astype(np.float64)
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
    frames = _numbers(span, SPAN)
    if frames.shape != (len(scores), 2) or not np.array_equal(frames, np.floor(frames)):
        raise ValueError(
            f"holds {len(scores)} scores and spans of shape {list(frames.shape)}; "
            f"expected [{len(scores)}, 2] whole numbers, frames start and stop"
        )
    return ScoreRows(scores, frames.astype(np.int64))


def _numbers(values: Any, name: str) -> np.ndarray:
    try:
        array = np.asarray(values)
    except ValueError:
        raise ValueError(f"{name} is not a row of numbers: its parts have different lengths") from None
    if array.dtype.kind not in "biuf" and array.size:
        kind = "values that are not numbers" if array.dtype.kind in "OSU" else str(array.dtype)
        raise ValueError(f"holds {kind}, expected real numbers")
    return array


def _each(
    items: Iterable[tuple[str, Any]], make: Callable[[Any], ScoreRows]
) -> tuple[dict[str, ScoreRows], dict[str, str]]:
    found, wrong = {}, {}
    for name, values in items:
        try:
            found[name] = make(values)
        except ValueError as error:
            wrong[name] = str(error)
    return found, wrong


def _csv_rows(path: Path, *, named: bool) -> dict[str, list[tuple[int, dict[str, str]]]]:
    """Line numbers and cells of each video; of a file of one video under the name ""."""
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise ValueError(f"cannot be read as text ({error})") from None
    delimiter = "\t" if path.suffix.lower() == ".tsv" else ","
    lines = [row for row in csv.reader(text.splitlines(), delimiter=delimiter)]
    head = [cell.strip() for cell in lines[0]] if lines else []
    if not named and len(head) == 1 and head != [SCORE]:
        return {"": [(number, {SCORE: row[0]}) for number, row in enumerate(lines, 1) if row]}
    expected = ["video_id", SCORE] if named else [SCORE]
    if lacking := [name for name in expected if name not in head]:
        raise ValueError(
            f"line 1: no column {' and '.join(lacking)}; expected {delimiter.join(expected)} as its header, "
            f"and {delimiter.join(('start', 'stop'))} where a row is a segment"
        )
    rows: dict[str, list[tuple[int, dict[str, str]]]] = {}
    for number, row in enumerate(lines[1:], 2):
        if len(row) not in (0, len(head)):
            raise ValueError(f"line {number}: {len(row)} cells, the header has {len(head)}")
        if row:
            cells = dict(zip(head, row, strict=True))
            rows.setdefault(cells["video_id"] if named else "", []).append((number, cells))
    return rows


def _from_csv(rows: list[tuple[int, dict[str, str]]]) -> ScoreRows:
    scores, spans = [], []
    for number, cells in rows:
        try:
            scores.append(float(cells[SCORE]))
        except ValueError:
            raise ValueError(f"line {number}: score is {cells[SCORE]!r}, expected a number") from None
        if "start" in cells and "stop" in cells:
            try:
                spans.append((int(cells["start"]), int(cells["stop"])))
            except ValueError:
                raise ValueError(
                    f"line {number}: start-stop is {cells['start']}-{cells['stop']}, expected whole frames"
                ) from None
    return score_rows(scores, spans or None)


def _read_json(path: Path) -> Any:
    def unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        found = dict(pairs)
        if len(found) < len(pairs):
            raise ValueError("a name appears twice in one object")
        return found

    try:
        return json.loads(path.read_text(encoding="utf-8"), object_pairs_hook=unique)
    except (OSError, ValueError, RecursionError) as error:
        raise ValueError(f"cannot be read as JSON ({error})") from None


def _from_json(values: Any) -> ScoreRows:
    if isinstance(values, dict):
        if SCORE not in values:
            raise ValueError(f"has no {SCORE!r}; expected a list of numbers, or score and span")
        return score_rows(values[SCORE], values.get(SPAN))
    if not isinstance(values, list):
        raise ValueError(f"is {type(values).__name__}, expected a list of numbers")
    return score_rows(values)


def _open_h5(path: Path) -> h5py.File:
    try:
        return h5py.File(path, "r")
    except OSError as error:
        raise ValueError(f"cannot be read as HDF5 ({error})") from None


def _from_h5(item: h5py.Dataset | h5py.Group) -> ScoreRows:
    try:
        if isinstance(item, h5py.Dataset):
            return score_rows(item[()])
        score, span = item.get(SCORE), item.get(SPAN)
        if not isinstance(score, h5py.Dataset):
            raise ValueError(f"has no dataset {SCORE!r}; it holds {', '.join(item) or 'nothing'}")
        return score_rows(score[()], span[()] if isinstance(span, h5py.Dataset) else None)
    except (OSError, RuntimeError, TypeError, MemoryError) as error:
        raise ValueError(f"cannot be read ({error})") from None
