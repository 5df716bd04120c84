"""What a store needs from wherever its files are kept: a folder, or storage over a network."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Protocol

STORE_FILE = "store.json"
SUFFIX = ".h5"
APPLE_DOUBLE = "._"
TEXT_BYTES = 1 << 26  # of store.json and failures.jsonl


class StoreFiles(Protocol):
    """Names are paths below the root of the store, with / between folders. Methods raise OSError."""

    def listing(self, on_problem: Callable[[str], None]) -> Iterator[tuple[str, int, str]]:
        """(name, bytes, a text that changes with the content) of every feature file, in one pass.

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
