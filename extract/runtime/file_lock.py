"""Locks between processes that the kernel frees when their holder ends, and file systems that have none."""

from __future__ import annotations

import errno
import fcntl
import os

from extract.runtime.say import say

# What network file systems and drives mounted by programs answer instead of locking.
NO_LOCKS = frozenset((errno.ENOLCK, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS, errno.EINVAL))
_said: set[str] = set()


def lock_exclusively(descriptor: int, name: str, *, wait: bool = True) -> None:
    """Lock an open file until it is closed. name: what shares it, for the line about a system without locks.

    Raises BlockingIOError if another process holds it and wait is False. Where the file system has no locks,
    a line says so and the work goes on: two processes at once are then not kept apart.
    """
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
    except OSError as error:
        if error.errno not in NO_LOCKS:
            raise
        say_once(
            f"{name}: no locks here ({os.strerror(error.errno)}); do not run two processes on it at once"
        )


def say_once(line: str) -> None:
    """Print a line that the same program would otherwise repeat."""
    if line not in _said:
        _said.add(line)
        say(f"note: {line}", err=True)
