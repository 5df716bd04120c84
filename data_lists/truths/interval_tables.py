"""Tables of intervals or of labels per frame: lines with a header, divided by commas, semicolons or tabs."""

from __future__ import annotations

from pathlib import Path

from data_lists.delimited import cells_of, delimiter_of
from data_lists.truths.annotation import FoundTruth
from data_lists.truths.interval_rows import Row, truths_of_rows
from extract.runtime.foreign.foreign_error import ForeignFileError


def truths_in_table(path: Path, text: str, *, unit: str | None = None, name: str = "") -> list[FoundTruth]:
    """Raises ForeignFileError."""
    lines = text.splitlines()
    delimiter = delimiter_of(lines[0])
    columns = [cell.strip() for cell in cells_of(lines[0], delimiter)]
    if twice := sorted({each for each in columns if each and columns.count(each) > 1}):
        raise ForeignFileError(path, f"line 1: column {twice[0]} appears twice")
    rows = []
    for number, line in enumerate(lines[1:], start=2):
        if not line.strip(delimiter + " "):
            continue
        cells = cells_of(line, delimiter)
        if len(cells) != len(columns):
            raise ForeignFileError(path, f"line {number}: {len(cells)} cells, the header has {len(columns)}")
        rows.append(Row(f"line {number}", dict(zip(columns, cells, strict=True))))
    return truths_of_rows(path, rows, unit=unit, name=name, form="a table")
