"""Files that appear whole or not at all, and the clearing up after writers that died."""

from __future__ import annotations

import contextlib
import hashlib
import os
import re
import secrets
import socket
import time
from pathlib import Path

PARTIAL = re.compile(r"\.(?P<host>[^.+]*)\+(?P<process>\d+)\+[0-9a-f]{8}\.partial$")
LOOK_SECONDS = 0.05


def partial_path(path: Path) -> Path:
    """Where the content of `path` is written first; the name says which process writes, and fits any file system."""
    name = hashlib.sha1(path.name.encode()).hexdigest()[
        :12
    ]  # not the name itself: it may already be of full length
    return path.with_name(f".{name}.{_host()}+{os.getpid()}+{secrets.token_hex(4)}.partial")


def replace_synced(partial: Path, path: Path) -> None:
    """Give a finished partial file its name, so that a power cut leaves the old file or the new one."""
    sync(partial)
    os.replace(partial, path)
    sync(path.parent)


def write_text(path: Path, text: str) -> None:
    """Write a small file whole, replacing an older one."""
    partial = partial_path(path)
    try:
        partial.write_text(text)
        replace_synced(partial, path)
    finally:
        partial.unlink(missing_ok=True)


def write_text_once(path: Path, text: str) -> None:
    """Write a small file whole unless it is there: of two that try at once one wins, the other keeps the winner's."""
    if path.exists():
        return
    partial = partial_path(path)
    try:
        partial.write_text(text)
        sync(partial)
        with contextlib.suppress(FileExistsError):
            os.link(partial, path)
    finally:
        partial.unlink(missing_ok=True)


def remove_stale(root: Path, wait_seconds: float = 0.0) -> int:
    """Remove partial files below root whose writer is gone; those of other hosts stay. Returns how many.

    wait_seconds: so long writers of this host are waited for, which were killed just now, or may finish.
    """
    until = time.monotonic() + wait_seconds
    partial, removed = [path for path in root.rglob("*.partial") if _is_of_this_host(path.name)], 0
    while True:
        stale = [path for path in partial if _writer_is_gone(path.name)]
        for path in stale:
            path.unlink(missing_ok=True)
        removed += len(stale)
        partial = [path for path in partial if path not in stale and path.exists()]
        if not partial or time.monotonic() > until:
            return removed
        time.sleep(LOOK_SECONDS)


def sync(path: Path) -> None:
    """Flush a file or a folder to the disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _host() -> str:
    return re.sub(r"[.+/]", "-", socket.gethostname())


def _is_of_this_host(name: str) -> bool:
    match = PARTIAL.search(name)
    return match is not None and match["host"] == _host()


def _writer_is_gone(name: str) -> bool:
    if not _is_of_this_host(name):
        return False
    match = PARTIAL.search(name)
    if (
        int(match["process"]) == os.getpid()
    ):  # containers number every run alike: ours writes nothing while it looks
        return True
    try:
        os.kill(int(match["process"]), 0)
    except ProcessLookupError:
        return True
    except PermissionError:
        return False
    return False
