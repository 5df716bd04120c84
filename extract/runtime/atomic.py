"""Atomic writing: a file appears complete or not at all, whatever kills the writer.

Content goes to a partial file next to its target, which is renamed when it is complete. The name of a partial
file says which process on which host writes it, so that files left by interrupted writers can be found and
removed: by the next writer of the same target, and by `sweep` for all targets of a folder.
"""

from __future__ import annotations

import contextlib
import errno
import functools
import hashlib
import os
import re
import secrets
import socket
import time
from collections.abc import Iterable, Iterator
from pathlib import Path

from extract.runtime.file_lock import say_once
from extract.runtime.foreign.folder_walk import walk_below

# How file systems without hard links refuse one, and those that cannot flush a folder.
NO_LINKS = frozenset(
    (errno.EPERM, errno.EACCES, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS, errno.EXDEV, errno.EMLINK)
)
NO_FLUSH = frozenset(
    (errno.EINVAL, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS, errno.EPERM, errno.EACCES, errno.EBADF)
)
# The last part is four digits that keep apart processes that had one number after each other, and four random
# ones.
PARTIAL = re.compile(r"\.(?P<host>[^.+]*)\+(?P<process>\d+)\+(?P<birth>[0-9a-f]{4})[0-9a-f]{4}\.partial$")
POLL_SECONDS = 0.05
CLOCK_SECONDS = 2.0  # by which times of files and of processes may differ
STREAMS = ("/dev/std", "/dev/fd/", "/proc/")  # paths that name open streams, even if a file is behind them

# Names of the partial files that this process is writing. Its number is not enough: an earlier container may
# have had the same one.
_live: set[str] = set()


class AtomicFile:
    """A file under construction: write to `partial`, then call `finish` or `discard`.

    Symbolic links are followed. What cannot be replaced, such as a pipe or /dev/null, is written in place.
    """

    def __init__(self, path: Path | str, *, tidy: bool = True):
        """tidy: first remove partial files of this target whose writers are dead; its folder is listed."""
        self.path = Path(path)
        if is_stream(self.path):
            self.partial = self.path
            return
        self.target = Path(os.path.realpath(self.path))
        self.partial = partial_path(self.target)
        _live.add(self.partial.name)
        if tidy:
            _remove_if_stale(self.partial.parent.glob(f"{_prefix(self.target)}*.partial"))

    def finish(self, *, durable: bool = True) -> None:
        """Give the file its name. durable: after a power cut there is the old file or the new one; slower."""
        if self.partial == self.path:
            return
        try:
            # Content first: after a power cut a name without content would be worse than no name.
            if durable:
                sync(self.partial)
            os.replace(self.partial, self.target)
            if durable:
                sync(self.target.parent)
        except OSError as error:
            raise self.naming_the_target(error) from error
        finally:
            self.discard()

    def discard(self) -> None:
        """Remove what was written so far; an older file under the name stays."""
        if self.partial != self.path:
            # An error here would hide the one that led here.
            with contextlib.suppress(OSError):
                self.partial.unlink(missing_ok=True)
            _live.discard(self.partial.name)

    def naming_the_target(self, error: OSError) -> OSError:
        """The error with the target's name in place of the partial file's, or of none."""
        if error.errno is None or error.filename not in (None, str(self.partial), self.partial):
            return error
        return OSError(error.errno, os.strerror(error.errno), str(self.path))

    @contextlib.contextmanager
    def errors(self) -> Iterator[None]:
        """Inside, errors of the partial file name the target."""
        try:
            yield
        except OSError as error:
            if (named := self.naming_the_target(error)) is error:
                raise
            raise named from error


@contextlib.contextmanager
def writing(path: Path | str, *, durable: bool = True, tidy: bool = True) -> Iterator[Path]:
    """Yield the path of a partial file, which gets the name `path` when the block ends without an error.

    durable: see AtomicFile.finish. tidy: see AtomicFile. Raises OSError with the name of the target.
    """
    file = AtomicFile(path, tidy=tidy)
    try:
        with file.errors():
            yield file.partial
            file.finish(durable=durable)
    finally:
        file.discard()


def write_bytes(
    path: Path | str, content: bytes | memoryview, *, durable: bool = True, tidy: bool = True
) -> None:
    """Write a file, replacing an older one. Raises OSError with the name of the file."""
    with writing(path, durable=durable, tidy=tidy) as partial:
        partial.write_bytes(content)


def write_text(path: Path | str, text: str, *, durable: bool = True) -> None:
    """Write a UTF-8 file, replacing an older one. Raises OSError with the name of the file."""
    write_bytes(path, text.encode(), durable=durable)


def write_text_once(path: Path, text: str) -> None:
    """Write a UTF-8 file unless it exists; if two writers race, one wins."""
    if path.exists():
        return
    file = AtomicFile(path)
    try:
        with file.errors():
            file.partial.write_text(text, encoding="utf-8")
            sync(file.partial)
            # A link, unlike a rename, fails if the name is taken.
            with contextlib.suppress(FileExistsError):
                try:
                    os.link(file.partial, path)
                except OSError as error:
                    if error.errno not in NO_LINKS:
                        raise
                    _write_new(path, text)
    finally:
        file.discard()


def _write_new(path: Path, text: str) -> None:
    """Write a file that must not exist yet, where there are no hard links (exFAT, SMB, mounted drives)."""
    with open(path, "x", encoding="utf-8") as file:
        say_once(
            f"{path.parent}: no hard links here; a power cut in this moment could leave {path.name} cut off"
        )
        file.write(text)
        file.flush()
        os.fsync(file.fileno())


def partial_path(path: Path) -> Path:
    """A new name for the partial file of `path`, in the same folder."""
    process = os.getpid()
    unique = _birth(process) + secrets.token_hex(2)
    return path.with_name(f"{_prefix(path)}{_host()}+{process}+{unique}.partial")


def sweep(folder: Path) -> int:
    """Remove partial files in a folder, not below it, whose writer on this host is dead; returns how many."""
    with contextlib.suppress(OSError), os.scandir(folder) as entries:
        return len(_remove_if_stale(Path(entry.path) for entry in entries if entry.name.endswith(".partial")))
    return 0


def remove_stale(root: Path, wait_seconds: float = 0.0) -> int:
    """Remove partial files below root whose writer is dead; those of other hosts stay. Returns how many.

    wait_seconds: how long to wait for writers of this host that are alive, which may be about to end.
    """
    until = time.monotonic() + wait_seconds
    waiting, removed = _partial_files_below(root), 0
    while True:
        stale = _remove_if_stale(waiting)
        removed += len(stale)
        waiting = [path for path in waiting if path not in stale and path.exists()]
        if not waiting or time.monotonic() > until:
            return removed
        time.sleep(POLL_SECONDS)


def _partial_files_below(root: Path) -> list[Path]:
    """Those of this host; what cannot be listed, or is too deep for a result of ours, is passed over."""
    walk = walk_below(root, on_problem=lambda _problem: None, links=False, hidden=True)
    return [
        folder / entry.name for folder, _, others in walk for entry in others if _is_of_this_host(entry.name)
    ]


def sync(path: Path) -> None:
    """Flush a file or a folder to the disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    except OSError as error:
        if error.errno not in NO_FLUSH:
            raise
    finally:
        os.close(descriptor)


def is_stream(path: Path) -> bool:
    """Whether a path names a pipe, a device or an open file, which is written in place."""
    return str(path).startswith(STREAMS) or (path.exists() and not path.is_file() and not path.is_dir())


def _prefix(path: Path) -> str:
    # A digest instead of the name itself, which may already be as long as the file system allows.
    return f".{hashlib.sha1(os.fsencode(path.name)).hexdigest()[:12]}."


def _host() -> str:
    return re.sub(r"[.+/]", "-", socket.gethostname())


def _remove_if_stale(paths: Iterable[Path]) -> set[Path]:
    stale = {path for path in paths if _writer_is_dead(path)}
    for path in stale:
        path.unlink(missing_ok=True)
    return stale


def _is_of_this_host(name: str) -> bool:
    match = PARTIAL.search(name)
    return match is not None and match["host"] == _host()


def _writer_is_dead(path: Path) -> bool:
    match = PARTIAL.search(path.name)
    if match is None or match["host"] != _host():
        return False
    process = int(match["process"])
    if process == os.getpid():
        return path.name not in _live
    # Signal 0 only asks whether the process exists.
    try:
        os.kill(process, 0)
    except (ProcessLookupError, OverflowError):
        return True
    except PermissionError:
        pass
    return _has_ended(process) or (match["birth"] != _birth(process) and _began_after(process, path))


def _has_ended(process: int) -> bool:
    """Whether a process that has a number still is only waiting for its parent to notice."""
    return _status(process)[:1] == ["Z"]


@functools.lru_cache(maxsize=64)
def _birth(process: int) -> str:
    """Four digits that follow from when a process began, so that two with one number differ."""
    fields = _status(process)
    began = fields[19] if len(fields) > 19 else ""  # in ticks since the machine started
    return hashlib.sha1(f"{process} {began}".encode()).hexdigest()[:4]


def _began_after(process: int, path: Path) -> bool:
    """Whether a process began after a file was last written to, so that it is not the file's writer."""
    import psutil  # 20 ms, which most programs never need

    try:
        return psutil.Process(process).create_time() > path.stat().st_mtime + CLOCK_SECONDS
    except (psutil.Error, OSError):
        return False


def _status(process: int) -> list[str]:
    """The state of a process and what follows it in /proc; empty elsewhere than on Linux."""
    try:
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return []
