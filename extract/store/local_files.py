"""The files of a store in a folder."""

from __future__ import annotations

import contextlib
import errno
import os
import stat
import struct
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

from extract.runtime import atomic
from extract.runtime.foreign.folder_walk import DEEPEST
from extract.runtime.foreign.foreign_error import ForeignFileError
from extract.runtime.foreign.ledger import LEDGER, digest_of
from extract.runtime.foreign.printable import printable
from extract.runtime.foreign.regular_file import open_regular
from extract.runtime.foreign.text_files import read_text
from extract.store.store_files import APPLE_DOUBLE, SUFFIX, TEXT_BYTES, FileBlock, StoreFiles, blocks_of

SIGNATURE = b"\x89HDF\r\n\x1a\n"
HEAD = 64  # bytes that hold the superblock
END_OF_FILE = {0: 40, 1: 44, 2: 28, 3: 28}  # where the superblock states the file's size, by its version
FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC
FILE = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOCTTY
COMPLETE = "complete 1"  # of what the ledger keeps
SETTLED_NANOSECONDS = 10_000_000_000


class LocalFiles(StoreFiles):
    """Files appear complete or not at all."""

    def __init__(self, root: Path):
        self.root = root
        self._real_root = os.path.realpath(root)

    def blocks(self, on_problem: Callable[[str], None]) -> Iterator[FileBlock]:
        seen: set[tuple[int, int]] = set()
        # A list of what is left instead of recursion, whose depth a folder could choose.
        waiting = [("", 0)]
        while waiting:
            prefix, level = waiting.pop()
            try:
                rows = self._rows(prefix, level, waiting, seen, on_problem)
                yield from blocks_of(prefix, rows, _state_text)
            except OSError as error:
                if not prefix:
                    raise
                on_problem(f"{prefix.rstrip('/')}: {_reason(error)}")

    def _rows(
        self,
        prefix: str,
        level: int,
        waiting: list[tuple[str, int]],
        seen: set[tuple[int, int]],
        on_problem: Callable[[str], None],
    ) -> Iterator[tuple]:
        """The feature files of a folder; the folders in it join those that wait. Raises OSError."""
        folder = os.open(f"{self.root}/{prefix}", FOLDER)
        try:
            found = os.fstat(folder)
            if (found.st_dev, found.st_ino) in seen:
                return  # a link to a folder that was listed
            seen.add((found.st_dev, found.st_ino))
            if level > DEEPEST:
                raise OSError(f"is more than {DEEPEST} folders deep")
            # By its descriptor, because the system would look up each file from the root of the disk on.
            with os.scandir(folder) as entries:
                for entry in entries:
                    name = entry.name  # no Path, because there may be a million
                    try:
                        if _is_feature_file(entry):
                            if entry.is_symlink():
                                self._check_inside(prefix + name)
                            yield _row(name, entry.stat())
                        elif entry.is_dir():
                            below = (f"{prefix}{name}/", level + 1)
                            if entry.is_symlink():
                                self._check_inside(prefix + name)
                                waiting.insert(0, below)  # last, so that files keep their real names
                            else:
                                waiting.append(below)
                    except OSError as error:  # a link to itself, or out of the store
                        on_problem(f"{prefix}{name}: {_reason(error)}")
        finally:
            os.close(folder)

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
            head = _head(f"{self._real_folder(folder)}/{base}")
        except OSError:
            try:
                with open_regular(self._inside(name)) as file:
                    head = file.read(HEAD)
            except (OSError, ForeignFileError):
                return False
        return _stated_size(head) == size

    def incomplete(self, block: FileBlock) -> list[str]:
        known = digest_of(COMPLETE, block.digest().hex())
        if known in LEDGER:
            return []
        settled = time.time_ns() - SETTLED_NANOSECONDS
        names = [block.prefix + name for name in self._incomplete(block)]
        # A file that changes twice within a tick of the clock has one time of change for both.
        if not names and all(row[5] < settled for row in block.rows):
            LEDGER.add(known)
        return names

    def _incomplete(self, block: FileBlock) -> Iterator[str]:
        """Names in the folder of the block. As looks_complete, which looks up the folder for each file."""
        try:
            folder = os.open(self._real_folder(block.prefix.rstrip("/")), FOLDER)
        except OSError:
            yield from (row[0] for row in block.rows)  # gone since it was listed, or led out of the store
            return
        try:
            for name, size, *_ in block.rows:
                try:
                    complete = _stated_size(_head(name, folder)) == size
                except OSError:
                    complete = self.looks_complete(block.prefix + name, size)
                if not complete:
                    yield name
        finally:
            os.close(folder)

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


def _row(name: str, found: os.stat_result) -> tuple:
    return name, found.st_size, found.st_dev, found.st_ino, found.st_mtime_ns, found.st_ctime_ns


def _state_text(row: tuple) -> str:
    """As state_of."""
    _, size, device, inode, modified, changed = row
    return f"{device}:{inode}:{size}:{modified}:{changed}"


def _head(path: str, folder: int | None = None) -> bytes:
    """The first bytes of a file. Raises OSError, also for links and pipes.

    folder: a descriptor, for a path below this folder.
    """
    descriptor = os.open(path, FILE, dir_fd=folder)
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
    offset = END_OF_FILE.get(head[8])
    return -1 if offset is None else struct.unpack_from("<Q", head, offset)[0]
