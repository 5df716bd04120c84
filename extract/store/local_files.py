"""The files of a store in a folder."""

from __future__ import annotations

import contextlib
import errno
import os
import stat
import struct
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

from extract.runtime import atomic
from extract.runtime.foreign.folder_walk import DEEPEST
from extract.runtime.foreign.foreign_error import ForeignFileError
from extract.runtime.foreign.printable import printable
from extract.runtime.foreign.regular_file import open_regular
from extract.runtime.foreign.text_files import read_text
from extract.store.store_files import APPLE_DOUBLE, SUFFIX, TEXT_BYTES, StoreFiles

SIGNATURE = b"\x89HDF\r\n\x1a\n"
HEAD = 64  # bytes that hold the superblock


class LocalFiles(StoreFiles):
    """Files appear complete or not at all."""

    def __init__(self, root: Path):
        self.root = root
        self._real_root = os.path.realpath(root)
        self._folder: tuple[str, str] | None = (
            None  # the last folder of looks_complete, and where it really is
        )

    def listing(self, on_problem: Callable[[str], None]) -> Iterator[tuple[str, int, str]]:
        seen: set[tuple[int, int]] = set()
        # A list of what is left instead of recursion, whose depth a folder could choose.
        folders = [(str(self.root), "", 0)]
        while folders:
            folder, prefix, level = folders.pop()
            try:
                found = os.stat(folder)
                if (found.st_dev, found.st_ino) in seen:
                    continue  # a link to a folder that was listed
                seen.add((found.st_dev, found.st_ino))
                if level > DEEPEST:
                    raise OSError(f"is more than {DEEPEST} folders deep")
                with os.scandir(folder) as entries:
                    for entry in entries:
                        name = prefix + entry.name  # no Path, because there may be a million
                        try:
                            if _is_feature_file(entry):
                                if entry.is_symlink():
                                    self._check_inside(name)
                                state = entry.stat()
                                yield name, state.st_size, state_of(state)
                            elif entry.is_dir():
                                below = (entry.path, f"{name}/", level + 1)
                                if entry.is_symlink():
                                    self._check_inside(name)
                                    folders.insert(0, below)  # last, so that files keep their real names
                                else:
                                    folders.append(below)
                        except OSError as error:  # a link to itself, or out of the store
                            on_problem(f"{name}: {_reason(error)}")
            except OSError as error:
                if not prefix:
                    raise
                on_problem(f"{prefix.rstrip('/')}: {_reason(error)}")

    def exists(self, name: str) -> bool:
        return self.size(name) is not None

    def size(self, name: str) -> int | None:
        try:
            return self._state(name)[1].st_size
        except FileNotFoundError:
            return None

    def looks_complete(self, name: str, size: int) -> bool:
        folder, _, base = name.rpartition("/")
        try:
            # A million files lie in few folders, and few of them are links.
            if self._folder is None or self._folder[0] != folder:
                self._folder = folder, self._real_folder(folder)
            head = _head(f"{self._folder[1]}/{base}")
        except OSError:
            try:
                with open_regular(self._inside(name)) as file:
                    head = file.read(HEAD)
            except (OSError, ForeignFileError):
                return False
        return _stated_size(head) == size

    @contextlib.contextmanager
    def local(self, name: str) -> Iterator[tuple[Path, str]]:
        path, state = self._state(name)
        yield path, state_of(state)

    def read_text(self, name: str) -> str | None:
        path, reason = self._inside(name), ""
        # Twice, because a file may be created between the reading that misses it and the question whether it
        # is there.
        for _ in range(2):
            try:
                return read_text(path, largest=TEXT_BYTES)
            except ForeignFileError as error:
                if not os.path.lexists(path):
                    return None
                reason = error.reason
        raise OSError(reason)

    def write_text(self, name: str, text: str) -> None:
        atomic.write_text(self._inside(name, for_writing=True), text)

    def write_text_once(self, name: str, text: str) -> None:
        """If two writers race, one wins and the other keeps the winner's text."""
        self.root.mkdir(parents=True, exist_ok=True)
        atomic.write_text_once(self._inside(name), text)

    def remove(self, name: str) -> None:
        # A read-only disk refuses to remove even what does not exist.
        if os.path.lexists(path := self.root / name):
            path.unlink(missing_ok=True)

    def add(self, name: str, write: Callable[[Path], None]) -> str:
        path = self._inside(name, for_writing=True)
        path.parent.mkdir(parents=True, exist_ok=True)
        with atomic.writing(path, tidy=False) as partial:  # remove_stale tidies once per run
            write(partial)
        return state_of(os.stat(path))

    def remove_stale(self, wait_seconds: float = 0.0, among: Iterable[str] | None = None) -> int:
        if among is None:
            return atomic.remove_stale(self.root, wait_seconds)
        # A store may hold a million files, and a run may add one.
        folders = {"", *(name.rpartition("/")[0] for name in among)}
        return sum(atomic.sweep(self.root / folder) for folder in folders)

    def index_path(self, name: str) -> Path:
        return self.root / name

    def _state(self, name: str) -> tuple[Path, os.stat_result]:
        """Of a regular file. Raises FileNotFoundError for others, OSError for a link out of the store."""
        path = self._inside(name)
        try:
            state = os.stat(path)
        except OSError as error:
            if error.errno in (errno.ENAMETOOLONG, errno.ENOTDIR):
                raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), str(path)) from None
            raise
        if not stat.S_ISREG(state.st_mode):
            raise FileNotFoundError(errno.ENOENT, "no regular file", str(path))
        return path, state

    def _inside(self, name: str, *, for_writing: bool = False) -> Path:
        """The path of a name below the root. Raises OSError for a link that leads out of the store."""
        self._check_inside(name)
        path = self.root / name
        # What is written to a pipe would wait for a reader.
        if for_writing and path.exists() and not path.is_file():
            raise OSError(f"{printable(name)} is in the way: it is no regular file; remove it")
        return path

    def _real_folder(self, folder: str) -> str:
        """Where a folder below the root is, without links. Raises OSError if that is not in the store."""
        return self._check_inside(folder) if folder else self._real_root

    def _check_inside(self, name: str) -> str:
        target = os.path.realpath(f"{self._real_root}/{name}")
        if not target.startswith(self._real_root.rstrip("/") + "/"):
            raise OSError(
                f"a link leads out of the store, to {printable(target)}; replace it by what it names"
            )
        return target


def state_of(found: os.stat_result) -> str:
    """A text that changes whenever a file does; the time of its last change cannot be set by anybody."""
    return f"{found.st_dev}:{found.st_ino}:{found.st_size}:{found.st_mtime_ns}:{found.st_ctime_ns}"


def _head(path: str) -> bytes:
    """The first bytes of a file. Raises OSError, also for links and pipes."""
    descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOCTTY)
    try:
        return os.pread(descriptor, HEAD, 0)
    finally:
        os.close(descriptor)


def _is_feature_file(entry: os.DirEntry[str]) -> bool:
    # macOS writes ._NAME beside NAME on disks of other systems.
    return entry.name.endswith(SUFFIX) and not entry.name.startswith(APPLE_DOUBLE) and entry.is_file()


def _reason(error: OSError) -> str:
    return os.strerror(error.errno) if error.errno else str(error)


def _stated_size(head: bytes) -> int:
    """Bytes of an HDF5 file by its superblock (versions 0 to 3 of the format), -1 for anything else."""
    if len(head) < HEAD or not head.startswith(SIGNATURE):
        return -1
    offset = {0: 40, 1: 44, 2: 28, 3: 28}.get(head[8])  # offset of the end-of-file address, by version
    return -1 if offset is None else struct.unpack_from("<Q", head, offset)[0]
