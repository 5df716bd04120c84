"""Text, JSON, YAML and CSV of other people: UTF-8 of a limited size, every error as one line."""

from __future__ import annotations

import codecs
import csv
import io
import json
from pathlib import Path
from typing import Any

import yaml

from extract.runtime.foreign.foreign_error import ForeignFileError, one_line, reading
from extract.runtime.foreign.regular_file import TEXT_BYTES, read_regular

YAML_BYTES = 1 << 20  # settings; YAML takes a thousand times longer than JSON
DEEPEST_YAML = 64


def read_text(path: Path | str, *, largest: int = TEXT_BYTES) -> str:
    """A UTF-8 file without its byte order mark. Raises ForeignFileError."""
    content = read_regular(path, largest=largest, expected="a text file")
    if content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        raise ForeignFileError(
            path, "cannot be read as UTF-8 text: it is UTF-16, as Windows writes it; save it as UTF-8"
        )
    with reading(path, "UTF-8 text"):
        return content.decode("utf-8-sig")


def read_json(path: Path | str, *, unique: bool = False, largest: int = TEXT_BYTES) -> Any:
    """The value of a JSON file. unique: refuse a name that appears twice in one object.

    Raises ForeignFileError.
    """
    text = read_text(path, largest=largest)
    with reading(path, "JSON"):
        return json.loads(text, object_pairs_hook=_unique if unique else None)


def read_yaml(path: Path | str) -> Any:
    """The value of a YAML file of plain values, without aliases. Raises ForeignFileError."""
    text = read_text(path, largest=YAML_BYTES)
    with reading(path, "YAML"):
        return yaml.load(text, Loader=_PlainLoader)


def read_csv(path: Path | str, *, delimiter: str = ",") -> list[list[str]]:
    """The cells of each line. Raises ForeignFileError."""
    text = read_text(path)
    with reading(path, "CSV"):
        # Not splitlines, which would also split inside quoted cells.
        reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter)
        try:
            return list(reader)
        except csv.Error as error:
            raise ForeignFileError(
                path, f"line {reader.line_num}: cannot be read as CSV ({one_line(error)})"
            ) from None


class _PlainLoader(yaml.SafeLoader):
    """Safe values, and no aliases: nine lines of them can stand for a billion values."""

    def compose_node(self, parent, index):
        if self.check_event(yaml.AliasEvent):
            raise ValueError(f"line {self.peek_event().start_mark.line + 1}: an alias (*), which is not read")
        return super().compose_node(parent, index)

    def fetch_flow_collection_start(self, token_class):
        # Its time grows with the square of the depth.
        if self.flow_level >= DEEPEST_YAML:
            raise ValueError(f"line {self.line + 1}: more than {DEEPEST_YAML} brackets inside each other")
        super().fetch_flow_collection_start(token_class)


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise ValueError("a name appears twice in one object")
    return found
