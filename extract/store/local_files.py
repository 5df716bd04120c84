"""The files of a store in a folder."""

from __future__ import annotations

import contextlib
import errno
import os
import stat
import struct
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path, PurePosixPath

from extract.runtime import atomic
from extract.store.store_files import SUFFIX, StoreFiles

SIGNATURE = b"\x89HDF\r\n\x1a\n"
HEAD = 64  # bytes that hold the superblock


class LocalFiles(StoreFiles):
    """Files appear complete or not at all."""

    def __init__(self, root: Path):
        self.root = root

    def listing(self) -> Iterator[tuple[str, int, int]]:
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

    def exists(self, name: str) -> bool:
        return os.path.isfile(self.root / name)  # False, not an error, for a name that is too long

    def size(self, name: str) -> int | None:
        try:
            state = os.stat(self.root / name)
        except (FileNotFoundError, NotADirectoryError):
            return None
        except OSError as error:
            if error.errno == errno.ENAMETOOLONG:
                return None
            raise
        return state.st_size if stat.S_ISREG(state.st_mode) else None

    def looks_complete(self, name: str, size: int) -> bool:
        try:
            with open(self.root / name, "rb") as file:
                head = file.read(HEAD)
        except OSError:
            return False
        return _stated_size(head) == size

    @contextlib.contextmanager
    def local(self, name: str) -> Iterator[Path]:
        yield self.root / name

    def read_text(self, name: str) -> str | None:
        try:
            return (self.root / name).read_text(encoding="utf-8")
        except FileNotFoundError:
            return None

    def write_text(self, name: str, text: str) -> None:
        atomic.write_text(self.root / name, text)

    def write_text_once(self, name: str, text: str) -> None:
        """If two writers race, one wins and the other keeps the winner's text."""
        self.root.mkdir(parents=True, exist_ok=True)
        atomic.write_text_once(self.root / name, text)

    def remove(self, name: str) -> None:
        # A read-only disk refuses to remove even what does not exist.
        if (path := self.root / name).exists():
            path.unlink(missing_ok=True)

    def add(self, name: str, write: Callable[[Path], None]) -> None:
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        with atomic.writing(path, tidy=False) as partial:  # remove_stale tidies once per run
            write(partial)

    def remove_stale(self, wait_seconds: float = 0.0, among: Iterable[str] | None = None) -> int:
        if among is None:
            return atomic.remove_stale(self.root, wait_seconds)
        # A store may hold a million files, and a run may add one.
        folders = {self.root, *((self.root / name).parent for name in among)}
        return sum(atomic.sweep(folder) for folder in folders)

    def index_path(self, name: str) -> Path:
        return self.root / name


def _stated_size(head: bytes) -> int:
    """Bytes of an HDF5 file by its superblock (versions 0 to 3 of the format), -1 for anything else."""
    if len(head) < HEAD or not head.startswith(SIGNATURE):
        return -1
    offset = {0: 40, 1: 44, 2: 28, 3: 28}.get(head[8])  # offset of the end-of-file address, by version
    return -1 if offset is None else struct.unpack_from("<Q", head, offset)[0]
