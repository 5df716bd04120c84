"""Lines of a table: cells between tabs, commas or semicolons, quoted where a spreadsheet quoted them."""

from __future__ import annotations

import csv

# Delimiter -> what to call it. The first one is ours and wins where a line holds several equally often.
DELIMITERS = {"\t": "tabs", ",": "commas", ";": "semicolons"}
QUOTE = '"'


def delimiter_of(line: str) -> str:
    """The delimiter that divides a header into most cells."""
    return max(DELIMITERS, key=lambda delimiter: len(cells_of(line, delimiter)))


def cells_of(line: str, delimiter: str) -> list[str]:
    """The cells of one line, without their quotes.

    A quote counts only where it begins a cell and another one ends it; others are part of the text, as in
    tables that were never quoted.
    """
    if QUOTE not in line:
        return line.split(delimiter)
    try:
        (cells,) = csv.reader([line], delimiter=delimiter, strict=True)
    except (csv.Error, ValueError):
        return line.split(delimiter)
    return cells


def quoted(text: str) -> str:
    """The text as a cell that `cells_of` reads back: quoted if it begins with a quote."""
    return QUOTE + text.replace(QUOTE, QUOTE * 2) + QUOTE if text.startswith(QUOTE) else text
