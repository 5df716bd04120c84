"""Tables of scores as text: CSV with commas, semicolons, tabs or spaces, with a header or numbers alone."""

from __future__ import annotations

import csv
import re
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from extract.runtime.foreign import text_files
from extract.runtime.foreign.file_kinds import what_it_is
from extract.runtime.foreign.foreign_error import reading
from extract.runtime.foreign.printable import without_guard
from score.evaluation.foreign_scores.score_columns import MILLISECONDS, Columns, columns_of, plain_column
from score.evaluation.foreign_scores.score_content import Content
from score.evaluation.foreign_scores.score_rows import (
    INDEX,
    SECONDS,
    UNKNOWN,
    Positions,
    ScoreRows,
    each_checked,
    score_rows,
)

DELIMITERS = (";", "\t", ",")  # the first that the header has; none of them: spaces
CLOCK = re.compile(r"(?:(\d+):)?(\d+):(\d+(?:\.\d+)?)")  # [hours:]minutes:seconds
FRAME_NAME = re.compile(r"\D*?(\d+)(?:\.[a-zA-Z]\w*)?")  # frame_0012.jpg
# A row: the number of its line, and its cells.
Line = tuple[int, Sequence[str]]


def read_table(path: Path) -> Content:
    """The scores in a table. Raises ValueError."""
    text = text_files.read_text(path)
    # What is text, but no table: a page of a failed download, a pointer of Git LFS.
    if found := what_it_is(path):
        raise ValueError(f"cannot be read as a table of scores: {found}")
    lines = [(number, line) for number, line in enumerate(text.splitlines(), 1) if line.strip()]
    if not lines:
        raise ValueError("holds no score")
    if lines[0][1].lstrip()[:1] in ("{", "["):
        raise ValueError("looks like JSON; name it .json")
    delimiter = next((each for each in DELIMITERS if each in lines[0][1]), None)
    with reading(path, "CSV"):
        rows = _rows(lines, delimiter)
    if all(_number(cell, delimiter) is not None for cell in rows[0][1]):
        return _numbers_alone(rows, delimiter)
    return table_content(list(rows[0][1]), rows[1:], first_line=rows[0][0], delimiter=delimiter)


def table_content(
    header: list[str], rows: Sequence[Line], *, first_line: int = 1, delimiter: str | None = ","
) -> Content:
    """The scores in rows of cells below a header. Raises ValueError."""
    if header[0].strip() == "#":  # numpy.savetxt puts it before the header
        header = header[1:]
    # Spreadsheets write empty cells after the last column.
    while len(header) > 1 and not header[-1].strip():
        header = header[:-1]
    rows = [(number, _without_empty(cells, len(header))) for number, cells in rows]
    try:
        columns = columns_of(header)
    except ValueError as error:
        if len(header) == 1 and not rows:
            raise ValueError(f"line {first_line}: {header[0]!r} is no number and no header") from None
        advice = "; expected a header such as video_id,score" if "no column" in str(error) else ""
        more = ", and start,stop where a row is a segment" if advice else ""
        raise ValueError(f"line {first_line}: {error}{advice}{more}") from None
    for number, cells in rows:
        if len(cells) != len(header):
            raise ValueError(f"line {number}: {len(cells)} cells, the header has {len(header)}")
    columns = _numbered_rows(columns, rows)
    videos: dict[str, list[Line]] = {}
    for number, cells in rows:
        name = "" if columns.video is None else without_guard(cells[columns.video].strip())
        videos.setdefault(name, []).append((number, cells))
    if columns.video is None:
        whole = _video(videos.get("", []), columns, delimiter)
        return Content(whole=whole, unread=columns.unread, texts=_texts(columns, rows, delimiter))
    named, wrong = each_checked(videos.items(), lambda lines: _video(lines, columns, delimiter))
    return Content(named=named, wrong=wrong, unread=columns.unread)


def _texts(columns: Columns, rows: Sequence[Line], delimiter: str | None) -> dict[str, int]:
    """How many different texts the columns hold that are not read and hold no numbers."""
    found = {}
    for name in columns.unread:
        cells = {row[columns.header.index(name)].strip() for _, row in rows}
        if any(cell and _number(cell, delimiter) is None for cell in cells):
            found[name] = len(cells)
    return found


def _without_empty(cells: Sequence[str], width: int) -> Sequence[str]:
    while len(cells) > width and not cells[-1].strip():
        cells = cells[:-1]
    return cells


def _rows(lines: Sequence[tuple[int, str]], delimiter: str | None) -> list[Line]:
    if delimiter is None:
        return [(number, line.split()) for number, line in lines]
    # A line at a time, so that an open quote does not swallow the lines after it.
    return [(number, next(csv.reader((line,), delimiter=delimiter))) for number, line in lines]


def _numbers_alone(rows: Sequence[Line], delimiter: str | None) -> Content:
    """No header: a number a line, or all numbers in one line, or a line of equally many for each video."""
    values = []
    for number, cells in rows:
        numbers = [_number(cell, delimiter) for cell in _without_empty(cells, 1)]
        if None in numbers:
            wrong = cells[numbers.index(None)]
            raise ValueError(f"line {number}: score is {wrong!r}, expected a number")
        values.append(numbers)
    if len(values) == 1 or all(len(each) == 1 for each in values):
        return Content(whole=score_rows(np.array([value for each in values for value in each])))
    if len({len(each) for each in values}) > 1:
        raise ValueError("its lines hold different numbers of scores and have no header")
    return Content(parts=[score_rows(np.array(each)) for each in values])


def _numbered_rows(columns: Columns, rows: Sequence[Line]) -> Columns:
    """`id` names the video, unless every row has a whole number of its own: then it numbers the rows."""
    if columns.video is None or plain_column(columns.header[columns.video]) != "id" or len(rows) < 2:
        return columns
    cells = [row[columns.video].strip() for _, row in rows]
    if len(set(cells)) < len(cells) or not all(cell.isdecimal() for cell in cells):
        return columns
    if columns.positions:
        return Columns(
            None, columns.score, columns.start, columns.stop, columns.unit, columns.unread, columns.header
        )
    return Columns(None, columns.score, columns.video, None, INDEX, columns.unread, columns.header)


def _video(lines: Sequence[Line], columns: Columns, delimiter: str | None) -> ScoreRows:
    checked = score_rows(_column(lines, columns.score, lambda line: _score(line, columns, delimiter)))
    if not columns.positions:
        return checked
    unit = columns.unit
    if unit == UNKNOWN and any(
        ":" in cells[each] for _, cells in lines for each in (columns.start, columns.stop) if each is not None
    ):
        unit = SECONDS
    scale, unit = (1000.0, SECONDS) if unit == MILLISECONDS else (1.0, unit)
    start, stop = (
        None
        if column is None
        else _column(lines, column, lambda line, column=column: _place(line, columns, column, delimiter))
        / scale
        for column in (columns.start, columns.stop)
    )
    for values in (start, stop):
        if values is not None and not np.isfinite(values).all():
            number = lines[int(np.argmin(np.isfinite(values)))][0]
            raise ValueError(f"line {number}: {columns.positions} is no finite number")
    return ScoreRows(checked.score, Positions(start, stop, unit, columns.positions))


def _column(lines: Sequence[Line], column: int, slowly: Callable[[Line], float]) -> np.ndarray:
    """The numbers of a column; cell by cell, with an error that names the line, only where that is needed."""
    try:
        return np.array([cells[column] for _, cells in lines], dtype=np.float64)
    except ValueError:
        return np.array([slowly(line) for line in lines])


def _score(line: Line, columns: Columns, delimiter: str | None) -> float:
    number, cells = line
    score = _number(cells[columns.score], delimiter)
    if score is None:
        raise ValueError(f"line {number}: score is {cells[columns.score]!r}, expected a number")
    return score


def _place(line: Line, columns: Columns, column: int, delimiter: str | None) -> float:
    number, cells = line
    text = cells[column].strip()
    value = _number(text, delimiter)
    if value is None and (clock := CLOCK.fullmatch(text)) and columns.unit in (SECONDS, UNKNOWN):
        return int(clock[1] or 0) * 3600 + int(clock[2]) * 60 + float(clock[3])
    if value is None and (name := FRAME_NAME.fullmatch(text)) and columns.unit not in (SECONDS, MILLISECONDS):
        return float(name[1])
    if value is None:
        places = "-".join(cells[each] for each in (columns.start, columns.stop) if each is not None)
        raise ValueError(f"line {number}: {columns.positions} is {places}, expected {columns.unit}")
    return value


def _number(cell: str, delimiter: str | None) -> float | None:
    text = cell.strip()
    if delimiter != "," and "," in text and "." not in text:
        text = text.replace(",", ".")  # a decimal comma, where commas do not separate cells
    try:
        return float(text)
    except ValueError:
        return None
