"""One training at a time in a run folder: a lock that the system releases however its process ends."""

from __future__ import annotations

import contextlib
import os
import socket
import time
from collections.abc import Iterator
from pathlib import Path

from extract.runtime.file_lock import lock_exclusively
from extract.runtime.foreign.printable import printable
from score.runs.checkpoint_error import CheckpointError

LOCK = ".lock"
LONGEST = 200  # bytes of a lock file that are read


@contextlib.contextmanager
def locked(folder: Path, *, work: str) -> Iterator[None]:
    """Hold the lock of a folder, which is made if it is missing; removed again if nothing was written there.

    work: what the message calls the other process, such as "training". Raises CheckpointError that names the
    process which holds the lock.
    """
    made = not folder.exists()
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / LOCK
    descriptor = _acquire(path, work)
    try:
        holder = (
            f"process {os.getpid()} on {socket.gethostname()}, since {time.strftime('%Y-%m-%d %H:%M:%S')}"
        )
        os.truncate(descriptor, 0)
        os.pwrite(descriptor, holder.encode(), 0)
        yield
    finally:
        # Removed while it is held: who opened it in this moment sees that its name is gone, and tries again.
        path.unlink(missing_ok=True)
        if made:
            with contextlib.suppress(OSError):  # not empty
                folder.rmdir()
        os.close(descriptor)


def _acquire(path: Path, work: str) -> int:
    while True:
        # Not through a link: a lock file is written to.
        descriptor = os.open(
            path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, 0o644
        )
        try:
            lock_exclusively(descriptor, str(path.parent), wait=False)
        except BlockingIOError:
            holder = printable(os.pread(descriptor, LONGEST, 0).decode(errors="replace"))
            os.close(descriptor)
            raise CheckpointError(
                f"{path.parent}: another {work} is running there ({holder or 'a process that is starting'}); "
                "wait for it, or choose another --out"
            ) from None
        except BaseException:
            os.close(descriptor)
            raise
        with contextlib.suppress(FileNotFoundError):
            if os.path.samestat(os.fstat(descriptor), os.stat(path)):
                return descriptor
        os.close(descriptor)
