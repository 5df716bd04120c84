"""A folder for the files of one process, which is removed with it; the next process removes what a killed one
left.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from pathlib import Path

from extract.runtime.file_lock import lock_exclusively

LOCK = ".lock"


class TempFolder:
    """A folder at `path`, which exists until close; a context manager.

    prefix: of its name; folders of this prefix whose processes are dead are removed. parent: None for the
    system's temporary folder. A locked file in it shows others that this process is alive: the system
    releases the lock however the process ends.
    """

    def __init__(self, prefix: str, parent: Path | None = None):
        parent = parent or Path(tempfile.gettempdir())
        sweep(parent, prefix)
        self._lock: int | None = None
        while self._lock is None:
            self.path = Path(tempfile.mkdtemp(prefix=prefix, dir=parent))
            # Another process that starts now may remove the folder before it is locked: then make another.
            self._lock = _locked(self.path, os.O_CREAT, wait=True)

    def __enter__(self) -> Path:
        return self.path

    def __exit__(self, *exception) -> None:
        self.close()

    def close(self) -> None:
        lock, self._lock = self._lock, None
        if lock is not None:
            shutil.rmtree(self.path, ignore_errors=True)
            os.close(lock)


def sweep(temporary: Path, prefix: str) -> None:
    """Remove the folders of this user's processes that are no longer alive."""
    for folder in temporary.glob(f"{prefix}*"):
        try:
            # Anybody may create names in the temporary folder: follow no links, touch no other user's files.
            if folder.is_symlink() or folder.stat().st_uid != os.getuid():
                continue
            lock = _locked(folder, 0, wait=False)
        except OSError:  # its process is alive, or it is gone already
            continue
        if lock is not None:
            shutil.rmtree(folder, ignore_errors=True)
            os.close(lock)


def _locked(folder: Path, flags: int, *, wait: bool) -> int | None:
    """The open, locked lock file of a folder; None if there is none, or the folder vanished while waiting.

    wait: for a lock that another process holds; otherwise that raises OSError.
    """
    try:
        lock = os.open(folder / LOCK, os.O_RDWR | os.O_NOFOLLOW | flags, 0o600)
    except FileNotFoundError:
        return None
    try:
        lock_exclusively(lock, str(folder), wait=wait)
        # The folder may have been removed and made again while the lock was awaited.
        if os.path.samestat(os.fstat(lock), os.stat(folder / LOCK)):
            return lock
    except FileNotFoundError:
        pass
    except OSError:
        os.close(lock)
        raise
    os.close(lock)
    return None
