"""List files: one video per line, with a header.

    video_id  event_class  num_frames  anomaly_spans  [group]

Lists of feedback also have label, note and time: what was said, why and when. Training does not need them.
num_frames and anomaly_spans may be empty; spans are "start-stop" in frames, half-open from 0, joined by ",".
Lists are written with tabs. Those of spreadsheets, with commas or semicolons and quotes, are read as well.
"""

from __future__ import annotations

import gc
import hashlib
import io
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from operator import attrgetter
from pathlib import Path
from typing import BinaryIO

import numpy as np

from data_lists.delimited import DELIMITERS, QUOTE, cells_of, delimiter_of, quoted
from data_lists.list_error import ListError
from data_lists.plain_rows import REQUIRED_COLUMNS, PlainRows
from data_lists.video import LocatedVideo, LocatedVideos, Video
from data_lists.video_checks import video_problems
from extract.runtime.atomic import write_text
from extract.runtime.foreign.foreign_error import ForeignFileError, one_line
from extract.runtime.foreign.regular_file import TEXT_BYTES, open_regular, read_regular

COLUMNS = (*REQUIRED_COLUMNS, "group")
NOTE_COLUMNS = ("label", "note", "time")  # of feedback
FRAME_NUMBER = re.compile("[0-9]{1,18}")
LINES_AT_ONCE = 10_000
SPAN = re.compile("(-?[0-9]{1,18})-(-?[0-9]{1,18})")


def read_list(path: str | Path) -> list[Video]:
    """The videos of a list file, in its order.

    Raises ListError with all mistakes of the file ("file:line: ..."), and for a file that cannot be read.
    """
    located, problems = read_located(path)
    problems += duplicate_problems(located)
    if problems:
        raise ListError(problems)
    return videos_of(located)


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
    in_order = sorted(videos, key=attrgetter("video_id"))
    columns, found = _columns_of(in_order), hashlib.sha256()
    found.update(("\t".join(columns) + "\n").encode("utf-8"))
    for begin in range(0, len(in_order), LINES_AT_ONCE):
        lines = [_line(video, len(columns)) for video in in_order[begin : begin + LINES_AT_ONCE]]
        found.update("".join(lines).encode("utf-8"))
    return found.hexdigest()


def format_list(videos: Sequence[Video]) -> str:
    """The text of a list file, with the group column only if some video has a group."""
    columns = _columns_of(videos)
    return "".join(["\t".join(columns), "\n", *(_line(video, len(columns)) for video in videos)])


def _columns_of(videos: Sequence[Video]) -> tuple[str, ...]:
    return COLUMNS if any(video.group is not None for video in videos) else REQUIRED_COLUMNS


def _line(video: Video, columns: int) -> str:
    fields = (
        quoted(video.video_id),
        quoted(video.event_class),
        "" if video.num_frames is None else str(video.num_frames),
        ",".join([f"{start}-{stop}" for start, stop in video.anomaly_spans]),
        quoted(video.group or ""),
    )
    return "\t".join(fields[:columns]) + "\n"


def read_located(path: str | Path) -> tuple[LocatedVideos, list[str]]:
    """Videos of a list file, each with its location ("file:line"), and the problems of all other lines."""
    name = str(path)
    try:
        with open_regular(path, largest=TEXT_BYTES, expected="a list") as file:
            return _parse(_limited(file, path), name)
    except ForeignFileError as error:
        return LocatedVideos(name), [str(error)]


def parse_list(
    content: bytes, name: str, *, notes: list[dict[str, str]] | None = None
) -> tuple[LocatedVideos, list[str]]:
    """Like `read_located`, from the bytes of a list file. `name` stands for the file in locations.

    notes: gets the note columns of every video that is returned.
    """
    return _parse(io.BytesIO(content), name, notes)


def _limited(file: BinaryIO, path: str | Path) -> Iterator[bytes]:
    """The lines of a file, which may have grown since its size was checked. Raises ForeignFileError."""
    size = 0
    try:
        for line in file:
            size += len(line)
            if size > TEXT_BYTES:
                raise ForeignFileError(path, f"has more than {TEXT_BYTES} bytes, expected a list")
            yield line
    except OSError as error:
        raise ForeignFileError(path, f"cannot be read ({one_line(error)})") from None


def _parse(
    lines: Iterable[bytes], name: str, notes: list[dict[str, str]] | None = None
) -> tuple[LocatedVideos, list[str]]:
    # A million new objects make the collector of circular garbage look at all of them again and again.
    collects = gc.isenabled()
    gc.disable()
    try:
        return _parse_lines(lines, name, notes)
    except UnicodeDecodeError as error:
        line, wrong_byte = error.reason, error.object[error.start]
        reason = f"{name}:{line}: not UTF-8 text (byte 0x{wrong_byte:02x}); save the list as UTF-8"
        return LocatedVideos(name), [reason]
    finally:
        if collects:
            gc.enable()


def _parse_lines(
    lines: Iterable[bytes], name: str, notes: list[dict[str, str]] | None
) -> tuple[LocatedVideos, list[str]]:
    # Not lines of text, which would also end at separators that an id may contain by mistake.
    texts = _decoded(lines)
    header = next(texts, "")
    delimiter = delimiter_of(header)
    columns = _without_empty_end([cell.strip() for cell in cells_of(header, delimiter)], 0)
    located = LocatedVideos(name)
    problems = [f"{name}:1: {problem}" for problem in _header_problems(columns)]
    if problems:
        for _ in texts:  # a file that is no text says so, whatever its first line is
            pass
        return located, problems
    rows = PlainRows(columns)
    for number, line in enumerate(texts, start=2):
        fields = line.split(delimiter)
        # The quick way is for lines that cannot hold a mistake; any doubt takes the careful one.
        if notes is None and QUOTE not in line and (video := rows.video(fields)) is not None:
            located.append(video, number)
            continue
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
        located.append(video, number)
    if not located and not problems:
        problems.append(f"{name}:1: the list contains no video")
    return located, problems


def _decoded(lines: Iterable[bytes]) -> Iterator[str]:
    """Lines as text, without their ends. UnicodeDecodeError.reason is the number of the line."""
    for number, line in enumerate(lines, start=1):
        try:
            # Spreadsheet programs write a byte order mark.
            text = line.decode("utf-8-sig" if number == 1 else "utf-8")
        except UnicodeDecodeError as error:
            start = line.index(error.object[error.start :])  # the mark is not part of error.object
            raise UnicodeDecodeError("utf-8", line, start, start + 1, str(number)) from None
        yield text.removesuffix("\n").removesuffix("\r")


def videos_of(located: Sequence[LocatedVideo]) -> list[Video]:
    """Without their locations."""
    return located.videos if isinstance(located, LocatedVideos) else [video for video, _ in located]


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


def duplicate_problems(located: Sequence[LocatedVideo]) -> list[str]:
    """One problem per video whose id appeared before; each names both locations."""
    if _all_differ(located):
        return []
    first_location: dict[str, str] = {}
    problems = []
    for video, location in located:
        first = first_location.get(video.video_id)
        if first is not None:
            problems.append(f"{location}: duplicate video_id {video.video_id!r}, first in {first}")
        else:
            first_location[video.video_id] = location
    return problems


def _all_differ(located: Sequence[LocatedVideo]) -> bool:
    """Whether surely no id appears twice: their hashes, in a tenth of the memory, all differ."""
    hashes = np.fromiter((hash(video.video_id) for video in videos_of(located)), np.int64, len(located))
    hashes.sort()
    return not (hashes[1:] == hashes[:-1]).any()


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
