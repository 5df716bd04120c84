"""The files of a store in a folder: they appear whole or not at all."""

from __future__ import annotations

import contextlib
import errno
import os
import stat
import struct
from collections.abc import Callable, Iterator
from pathlib import Path, PurePosixPath

from extract.runtime import atomic

SUFFIX = ".h5"
SIGNATURE = b"\x89HDF\r\n\x1a\n"
HEAD = 64  # bytes that hold the superblock


class LocalFiles:
    """Names are paths below the root, with / between folders."""

    def __init__(self, root: Path):
        self.root = root

    def listing(self) -> Iterator[tuple[str, int, int]]:
        """(name, bytes, time of change in ns) of every feature file, in one pass."""
        folders = [(self.root, PurePosixPath())]
        while folders:
            folder, prefix = folders.pop()
            with os.scandir(folder) as entries:
                for entry in entries:
                    if entry.name.endswith(SUFFIX) and entry.is_file():
                        state = entry.stat()
                        yield str(prefix / entry.name), state.st_size, state.st_mtime_ns
                    elif entry.is_dir():
                        folders.append((Path(entry.path), prefix / entry.name))

    def holds(self, name: str) -> bool:
        return os.path.isfile(self.root / name)  # False for a name longer than a file system takes

    def size(self, name: str) -> int | None:
        """Bytes of a file, None where there is none."""
        try:
            state = os.stat(self.root / name)
        except (FileNotFoundError, NotADirectoryError):
            return None
        except OSError as error:
            if error.errno == errno.ENAMETOOLONG:
                return None
            raise
        return state.st_size if stat.S_ISREG(state.st_mode) else None

    def looks_whole(self, name: str, size: int) -> bool:
        """Whether a feature file begins as one and is as long as it says; cheaper than opening it."""
        try:
            with open(self.root / name, "rb") as file:
                head = file.read(HEAD)
        except OSError:
            return False
        return _length(head) == size

    @contextlib.contextmanager
    def at_hand(self, name: str) -> Iterator[Path]:
        """A path under which HDF5 can open the file."""
        yield self.root / name

    def read_text(self, name: str) -> str | None:
        """The text of a small file, None where there is none."""
        try:
            return (self.root / name).read_text(encoding="utf-8")
        except FileNotFoundError:
            return None

    def write_text(self, name: str, text: str) -> None:
        atomic.write_text(self.root / name, text)

    def write_text_once(self, name: str, text: str) -> None:
        """Of two that write at once one wins, the other keeps the winner's."""
        self.root.mkdir(parents=True, exist_ok=True)
        atomic.write_text_once(self.root / name, text)

    def remove(self, name: str) -> None:
        if (path := self.root / name).exists():  # a disk that may only be read refuses even what is not there
            path.unlink(missing_ok=True)

    def add(self, name: str, write: Callable[[Path], None]) -> None:
        """Let a feature file be written and checked beside its place, then give it its name."""
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        with atomic.writing(path, tidy=False) as partial:  # remove_stale tidies once per run
            write(partial)

    def remove_stale(self, wait_seconds: float = 0.0) -> int:
        """Remove what dead writers left; returns how many files."""
        return atomic.remove_stale(self.root, wait_seconds)


def _length(head: bytes) -> int:
    """How many bytes an HDF5 file has by its superblock, -1 for something else (versions 0 to 3 of the format)."""
    if len(head) < HEAD or not head.startswith(SIGNATURE):
        return -1
    version = head[8]
    place = {0: 40, 1: 44, 2: 28, 3: 28}.get(version)
    return -1 if place is None else struct.unpack_from("<Q", head, place)[0]
