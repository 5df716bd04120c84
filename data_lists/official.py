"""What the parsers of official annotation files share: their result, clipping spans, reading lines."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from data_lists.list_error import ListError, unreadable
from data_lists.video import Video
from extract.runtime.foreign.foreign_error import ForeignFileError
from extract.runtime.foreign.text_files import read_text

SHOWN = 80  # characters of a wrong line
Row = TypeVar("Row")

Spans = tuple[tuple[int, int], ...]


@dataclass(frozen=True)
class OfficialLists:
    """A data set as its annotation files describe it, in their order."""

    train: list[Video]
    test: list[Video]
    clipped: tuple[str, ...] = ()  # a sentence per span that overran its video and was cut at the last frame


def read_lines(path: Path) -> list[str]:
    """The lines of an official file without surrounding white space; blank lines are skipped."""
    try:
        text = read_text(path)
    except ForeignFileError as error:
        raise ListError([unreadable("the annotation file", error)]) from None
    return [line.strip() for line in text.splitlines() if line.strip()]


def read_rows(path: Path, parse: Callable[[str], Row], *, expected: str) -> list[Row]:
    """What `parse` makes of each line. Raises ListError with every line for which it raises an error."""
    rows, problems = [], []
    for line in read_lines(path):
        try:
            rows.append(parse(line))
        except ListError as error:
            problems += error.problems
        except (ValueError, LookupError):
            problems.append(f"{path}: {line[:SHOWN]!r}, expected {expected}")
    if problems:
        raise ListError(problems)
    return rows


def one_based_inclusive(first: int, last: int) -> tuple[int, int]:
    """Frames first to last, counted from 1 and both included, as [start, stop) counted from 0."""
    return first - 1, last


def clip_spans(video_id: str, spans: Iterable[tuple[int, int]], num_frames: int) -> tuple[Spans, list[str]]:
    """Spans [start, stop) cut at the last frame, and a sentence per span that was cut."""
    kept, clipped = [], []
    for start, stop in spans:
        if stop > num_frames:
            clipped.append(f"{video_id}: anomaly span {start}-{stop} clipped to its {num_frames} frames")
        kept.append((start, min(stop, num_frames)))
    return tuple(kept), clipped
