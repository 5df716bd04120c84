"""The folder of one server below the system's temporary folder: what becomes of uploads lies in it. It goes with
the server, and what a killed server has left is removed by the next one."""

from __future__ import annotations

import fcntl
import os
import shutil
import tempfile
from pathlib import Path

PREFIX, LOCK = "vad-app-", "server.lock"


class Scratch:
    """path: the folder, there until close. A lock in it tells other servers that this one lives; the system
    opens it however a process ends."""

    def __init__(self):
        sweep(Path(tempfile.gettempdir()))
        self._lock: int | None = None
        while self._lock is None:
            self.path = Path(tempfile.mkdtemp(prefix=PREFIX))
            # another server that starts just now may take a folder without a lock for one that was left
            self._lock = _locked(self.path, os.O_CREAT, wait=True)

    def close(self) -> None:
        lock, self._lock = self._lock, None
        if lock is not None:
            shutil.rmtree(self.path, ignore_errors=True)
            os.close(lock)


def sweep(temporary: Path) -> None:
    """Remove the folders of servers that no longer live; those of other users are theirs to remove."""
    for folder in temporary.glob(f"{PREFIX}*"):
        try:
            if folder.is_symlink() or folder.stat().st_uid != os.getuid():
                continue
            lock = _locked(folder, 0, wait=False)
        except OSError:  # it lives, or has just gone, or never had a lock
            continue
        if lock is not None:
            shutil.rmtree(folder, ignore_errors=True)
            os.close(lock)


def _locked(folder: Path, flags: int, *, wait: bool) -> int | None:
    """A descriptor of the folder's lock, held; None where the folder went while it was waited for. Raises OSError
    for one that another process holds, unless it waits."""
    try:
        lock = os.open(folder / LOCK, os.O_RDWR | os.O_NOFOLLOW | flags, 0o600)
    except FileNotFoundError:
        return None
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
        if os.path.samestat(os.fstat(lock), os.stat(folder / LOCK)):
            return lock
    except FileNotFoundError:
        pass
    except OSError:
        os.close(lock)
        raise
    os.close(lock)
    return None
