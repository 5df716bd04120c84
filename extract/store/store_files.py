"""What a store needs from wherever its files are kept: a folder, or storage over a network.

Files are listed in blocks, so that a question about a million of them is asked per block.
"""

from __future__ import annotations

import hashlib
import marshal
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from itertools import count, islice
from pathlib import Path
from typing import NamedTuple, Protocol

STORE_FILE = "store.json"
SUFFIX = ".h5"
APPLE_DOUBLE = "._"
TEXT_BYTES = 1 << 26  # of store.json and failures.jsonl
BLOCK_FILES = 10_000


class ListedFile(NamedTuple):
    """A file of a listing. name: below the root. state: a text that changes with its content."""

    name: str
    bytes: int
    state: str


@dataclass(frozen=True)
class FileBlock:
    """At most BLOCK_FILES feature files of one folder.

    prefix: the folder below the root with a / after it, or "". number: of this block among those of its
    folder. rows: per file its name in the folder, its bytes, and what changes with its content. state: of a
    row, the text of a ListedFile.
    """

    prefix: str
    number: int
    rows: list[tuple]
    state: Callable[[tuple], str]

    @property
    def name(self) -> str:
        """Unlike that of any other block of a listing, also where names hold // as in object storage."""
        return f"{self.prefix}{self.number}"

    def digest(self) -> bytes:
        """Changes with the names and states of the files."""
        # No faster way to bytes, and up to version 2 the same bytes for the same values.
        return hashlib.sha256(marshal.dumps([self.prefix, self.rows], 2)).digest()

    def ids(self) -> list[str]:
        """The ids of the videos."""
        prefix, end = self.prefix, -len(SUFFIX)
        return [prefix + row[0][:end] for row in self.rows]

    def files(self) -> Iterator[ListedFile]:
        for row in self.rows:
            yield ListedFile(self.prefix + row[0], row[1], self.state(row))

    def only(self, wanted: Callable[[str], bool]) -> FileBlock:
        """With the files whose names below the root are wanted."""
        return replace(self, rows=[row for row in self.rows if wanted(self.prefix + row[0])])


def blocks_of(prefix: str, rows: Iterable[tuple], state: Callable[[tuple], str]) -> Iterator[FileBlock]:
    """The blocks of one folder."""
    rows = iter(rows)
    for number in count():
        if not (block := list(islice(rows, BLOCK_FILES))):
            return
        yield FileBlock(prefix, number, block, state)


class StoreFiles(Protocol):
    """Names are paths below the root of the store, with / between folders. Methods raise OSError."""

    def blocks(self, on_problem: Callable[[str], None]) -> Iterator[FileBlock]:
        """Every feature file, in one pass.

        on_problem gets one line for what looks like a part of the store and cannot be used.
        """
        ...

    def exists(self, name: str) -> bool: ...

    def size(self, name: str) -> int | None:
        """Bytes of a file, None if there is none."""
        ...

    def looks_complete(self, name: str, size: int) -> bool:
        """Whether a feature file of this size may be complete, found out without opening it as HDF5."""
        ...

    def incomplete(self, block: FileBlock) -> list[str]:
        """Names of the files that do not look complete."""
        ...

    def local(self, name: str) -> AbstractContextManager[tuple[Path, str]]:
        """A path under which HDF5 can open the file, and a text that changes with the content.

        Raises FileNotFoundError.
        """
        ...

    def read_text(self, name: str) -> str | None:
        """The text of a small file, None if there is none."""
        ...

    def write_text(self, name: str, text: str) -> None: ...

    def write_text_once(self, name: str, text: str) -> None:
        """Write a file unless it exists."""
        ...

    def remove(self, name: str) -> None:
        """Remove a file if it exists."""
        ...

    def add(self, name: str, write: Callable[[Path], None]) -> str | None:
        """Have a feature file written and checked elsewhere, then give it its name.

        Returns the text that `local` gives with it, None if that is not known yet.
        """
        ...

    def remove_stale(self, wait_seconds: float = 0.0, among: Iterable[str] | None = None) -> int:
        """Remove the partial files of dead writers; returns how many."""
        ...

    def index_path(self, name: str) -> Path:
        """Where on this machine an index of the store may lie."""
        ...
