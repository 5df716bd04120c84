"""List files: one video per line, with a header.

    video_id  event_class  num_frames  anomaly_spans  [group]

Lists of feedback also have label, note and time: what was said, why and when. Training does not need them.
num_frames and anomaly_spans may be empty; spans are "start-stop" in frames, half-open from 0, joined by ",".
Lists are written with tabs. Those of spreadsheets, with commas or semicolons and quotes, are read as well.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path

from data_lists.delimited import DELIMITERS, cells_of, delimiter_of, quoted
from data_lists.list_error import ListError
from data_lists.video import LocatedVideo, Video
from data_lists.video_checks import video_problems
from extract.runtime.atomic import write_text
from extract.runtime.foreign.foreign_error import ForeignFileError
from extract.runtime.foreign.regular_file import open_regular, read_regular

REQUIRED_COLUMNS = ("video_id", "event_class", "num_frames", "anomaly_spans")
COLUMNS = (*REQUIRED_COLUMNS, "group")
NOTE_COLUMNS = ("label", "note", "time")  # of feedback
FRAME_NUMBER = re.compile("[0-9]{1,18}")
SPAN = re.compile("(-?[0-9]{1,18})-(-?[0-9]{1,18})")


def read_list(path: str | Path) -> list[Video]:
    """The videos of a list file, in its order.

    Raises ListError with all mistakes of the file ("file:line: ..."), and for a file that cannot be read.
    """
    located, problems = read_located(path)
    problems += duplicate_problems(located)
    if problems:
        raise ListError(problems)
    return [video for video, _ in located]


def write_list(path: str | Path, videos: Sequence[Video], *, replace: bool = True) -> None:
    """Write a list file that `read_list` reads back (except `split`, which list files do not store).

    An older file is replaced when the new one is complete. Raises ListError, before the file is touched, for
    invalid records, and without `replace` for an older file with other content.
    """
    located = [(video, f"video {number}") for number, video in enumerate(videos, start=1)]
    problems = [f"{location}: {problem}" for video, location in located for problem in video_problems(video)]
    problems += duplicate_problems(located)
    if not located:
        problems.append(f"{path}: no video to write")
    if problems:
        raise ListError(problems)
    text = format_list(videos)
    if not replace and Path(path).is_file() and read_regular(path) != text.encode():
        raise ListError([f"{path} exists with other content; remove it, or choose another place"])
    write_text(path, text)


def read_noted(path: str | Path) -> list[tuple[Video, dict[str, str], str]]:
    """The videos of a list with their notes (column -> text) and places ("file:line").

    Raises as read_list.
    """
    notes: list[dict[str, str]] = []
    try:
        content = read_regular(path, expected="a list")
    except ForeignFileError as error:
        raise ListError([str(error)]) from None
    located, problems = parse_list(content, str(path), notes=notes)
    problems += duplicate_problems(located)
    if problems:
        raise ListError(problems)
    return [(video, each, place) for (video, place), each in zip(located, notes, strict=True)]


def format_noted(rows: Sequence[tuple[Video, dict[str, str]]]) -> str:
    """The text of a list file with a column for every note; tabs and line breaks in a note become blanks."""
    lines = ["\t".join((*COLUMNS, *NOTE_COLUMNS))]
    for video, notes in rows:
        first = format_list([replace(video, group=video.group or "-")]).split("\n")[1].split("\t")
        first[-1] = quoted(video.group or "")
        texts = (quoted(" ".join(notes.get(name, "").split())) for name in NOTE_COLUMNS)
        lines.append("\t".join((*first, *texts)))
    return "\n".join(lines) + "\n"


def digest(videos: Iterable[Video]) -> str:
    """SHA-256, in hexadecimal, of the list file of these videos sorted by id; their order is irrelevant."""
    in_order = sorted(videos, key=lambda video: video.video_id)
    return hashlib.sha256(format_list(in_order).encode("utf-8")).hexdigest()


def format_list(videos: Sequence[Video]) -> str:
    """The text of a list file, with the group column only if some video has a group."""
    columns = COLUMNS if any(video.group is not None for video in videos) else REQUIRED_COLUMNS
    lines = ["\t".join(columns)]
    for video in videos:
        fields = (
            quoted(video.video_id),
            quoted(video.event_class),
            "" if video.num_frames is None else str(video.num_frames),
            ",".join(f"{start}-{stop}" for start, stop in video.anomaly_spans),
            quoted(video.group or ""),
        )
        lines.append("\t".join(fields[: len(columns)]))
    return "\n".join(lines) + "\n"


def read_located(path: str | Path) -> tuple[list[LocatedVideo], list[str]]:
    """Videos of a list file, each with its location ("file:line"), and the problems of all other lines."""
    try:
        content = read_regular(path, expected="a list")
    except ForeignFileError as error:
        return [], [str(error)]
    return parse_list(content, str(path))


def parse_list(
    content: bytes, name: str, *, notes: list[dict[str, str]] | None = None
) -> tuple[list[LocatedVideo], list[str]]:
    """Like `read_located`, from the bytes of a list file. `name` stands for the file in locations.

    notes: gets the note columns of every video that is returned.
    """
    try:
        text = content.decode("utf-8-sig")  # spreadsheet programs write a byte order mark
    except UnicodeDecodeError as error:
        line = content[: error.start].count(b"\n") + 1
        wrong_byte = content[error.start]
        return [], [f"{name}:{line}: not UTF-8 text (byte 0x{wrong_byte:02x}); save the list as UTF-8"]
    # Not splitlines, which would also split at separators that an id may contain by mistake.
    lines = [line.removesuffix("\r") for line in text.split("\n")]
    delimiter = delimiter_of(lines[0])
    columns = _without_empty_end([cell.strip() for cell in cells_of(lines[0], delimiter)], 0)
    problems = [f"{name}:1: {problem}" for problem in _header_problems(columns)]
    if problems:
        return [], problems
    located = []
    for number, line in enumerate(lines[1:], start=2):
        # Spreadsheets write empty rows as delimiters alone.
        if not line.strip(delimiter):
            continue
        fields = _without_empty_end(cells_of(line, delimiter), len(columns))
        if len(fields) != len(columns):
            problems.append(
                f"{name}:{number}: {len(fields)} fields, expected {len(columns)} separated by "
                f"{DELIMITERS[delimiter]} (an empty field keeps its delimiter; quote one that contains it)"
            )
            continue
        row = dict(zip(columns, fields, strict=True))
        video, mistakes = _parse_row(row)
        if notes is not None:
            notes.append({each: row[each] for each in NOTE_COLUMNS if each in row})
        problems += [f"{name}:{number}: {mistake}" for mistake in mistakes]
        located.append((video, f"{name}:{number}"))
    if not located and not problems:
        problems.append(f"{name}:1: the list contains no video")
    return located, problems


def has_notes(path: str | Path) -> bool:
    """Whether a file is a list of feedback, by its columns."""
    if not Path(path).is_file():
        return False
    with open_regular(path) as file:
        head = file.readline(1 << 16).decode("utf-8-sig", "replace").rstrip("\r\n")
    return {*REQUIRED_COLUMNS, *NOTE_COLUMNS} <= set(head.split("\t"))


def looks_like_list(text: str) -> bool:
    """Whether the first line of a text holds the columns of a list, in any order and delimiter."""
    head = text.split("\n", 1)[0]
    cells = {cell.strip() for cell in cells_of(head.removesuffix("\r"), delimiter_of(head))}
    return cells.issuperset(REQUIRED_COLUMNS)


def duplicate_problems(located: Iterable[LocatedVideo]) -> list[str]:
    """One problem per video whose id appeared before; each names both locations."""
    first_location: dict[str, str] = {}
    problems = []
    for video, location in located:
        first = first_location.get(video.video_id)
        if first is not None:
            problems.append(f"{location}: duplicate video_id {video.video_id!r}, first in {first}")
        else:
            first_location[video.video_id] = location
    return problems


def _without_empty_end(cells: list[str], least: int) -> list[str]:
    """Cells without the empty ones at their end, which spreadsheets add, but at least that many."""
    while len(cells) > least and not cells[-1]:
        cells = cells[:-1]
    return cells


def _header_problems(columns: list[str]) -> list[str]:
    problems = [f"unknown column {name!r}" for name in columns if name not in (*COLUMNS, *NOTE_COLUMNS)]
    problems += [f"missing column {name!r}" for name in REQUIRED_COLUMNS if name not in columns]
    problems += [
        f"column {name!r} appears twice" for name in (*COLUMNS, *NOTE_COLUMNS) if columns.count(name) > 1
    ]
    if problems:
        expected = ", ".join(REQUIRED_COLUMNS)
        problems.append(
            f"the first line must contain the columns {expected} (and group), separated by tabs, "
            "commas or semicolons"
        )
    return problems


def _parse_row(row: dict[str, str]) -> tuple[Video, list[str]]:
    mistakes = []
    num_frames = None
    if row["num_frames"]:
        if FRAME_NUMBER.fullmatch(row["num_frames"]):
            num_frames = int(row["num_frames"])
        else:
            mistakes.append(f"num_frames {row['num_frames']!r} is not a whole number")
    spans = []
    # Where commas divide columns, people join spans with semicolons.
    for part in re.split("[,;]", row["anomaly_spans"]) if row["anomaly_spans"] else []:
        match = SPAN.fullmatch(part.strip())
        if match:
            spans.append((int(match[1]), int(match[2])))
        else:
            mistakes.append(f"anomaly span {part!r} is not 'start-stop' in frames, several joined by ','")
    video = Video(
        row["video_id"],
        event_class=row["event_class"],
        num_frames=num_frames,
        anomaly_spans=tuple(spans),
        group=row.get("group") or None,
    )
    return video, mistakes + video_problems(video)
