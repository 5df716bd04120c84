"""What the parsers of official annotation files share: their result, clipping spans, reading lines."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from data_lists.list_error import ListError
from data_lists.video import Video

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
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise ListError([f"{path}: the annotation file cannot be read ({error.strerror})"]) from error
    except UnicodeDecodeError as error:
        raise ListError([f"{path}: the annotation file is not UTF-8 text"]) from error
    return [line.strip() for line in text.splitlines() if line.strip()]


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
