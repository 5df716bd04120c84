"""What this user's programs have made or probed on this machine: digests and notes, kept for later programs.

A store may come from anybody, and so may everything that lies in it. What is believed without another look
must therefore be recorded outside of stores, where only this user can write.
"""

from __future__ import annotations

import atexit
import contextlib
import hashlib
import os
import sqlite3
import stat
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path

LEDGER_FILE = "made-and-probed.sqlite"
LOCK_SECONDS = 2.0
FLUSH_SECONDS = 2.0  # what was added in this time is lost if the process is killed
KEPT_DAYS = 365
MOST_KNOWN = 100_000  # digests that a process remembers itself, in 10 MB
ASKED_AT_ONCE = 500
TABLES = (
    "CREATE TABLE IF NOT EXISTS entries (digest BLOB PRIMARY KEY, day INTEGER) WITHOUT ROWID",
    "CREATE TABLE IF NOT EXISTS notes (digest BLOB PRIMARY KEY, note TEXT, day INTEGER) WITHOUT ROWID",
)


def state_folder() -> Path | None:
    """vad-pipeline below XDG_CACHE_HOME or ~/.cache, made if need be; None unless only we can write to it."""
    try:
        base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
        folder = Path(base) / "vad-pipeline"
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        return folder if is_private(os.stat(folder)) else None
    except (OSError, RuntimeError):  # a home that cannot be written to, or none
        return None


def is_private(found: os.stat_result) -> bool:
    """Whether only this user can change a file or folder."""
    return found.st_uid == os.getuid() and not found.st_mode & (stat.S_IWGRP | stat.S_IWOTH)


class Ledger:
    """A set, and notes by digest. Without a folder to keep them in, or when that is damaged, the set lasts as
    long as the process, and there are no notes."""

    def __init__(self, folder: Callable[[], Path | None] = state_folder) -> None:
        self._folder = folder
        self._known: set[bytes] = set()
        self._new: set[bytes] = set()
        self._new_notes: dict[bytes, str] = {}
        self._lock = threading.RLock()
        self._rows: sqlite3.Connection | None = None
        self._owner = 0
        self._flushed = 0.0

    def __contains__(self, digest: bytes) -> bool:
        with self._lock:
            if digest not in self._known and self._execute(
                "SELECT 1 FROM entries WHERE digest = ?", [digest]
            ):
                self._known.add(digest)
            return digest in self._known

    def add(self, digest: bytes) -> None:
        with self._lock:
            self._known.add(digest)
            self._new.add(digest)
            self._flush_in_time()

    def note(self, digest: bytes, text: str) -> None:
        """Keep a text, in place of an earlier one."""
        with self._lock:
            self._new_notes[digest] = text
            self._flush_in_time()

    def notes(self, digests: Sequence[bytes]) -> dict[bytes, str]:
        """The texts that were kept for some digests."""
        self.flush()
        found: dict[bytes, str] = {}
        with self._lock:
            for start in range(0, len(digests), ASKED_AT_ONCE):
                asked = list(digests[start : start + ASKED_AT_ONCE])
                places = ", ".join("?" * len(asked))
                found.update(
                    self._execute(f"SELECT digest, note FROM notes WHERE digest IN ({places})", asked) or ()
                )
        return found

    def flush(self) -> None:
        """Let other processes know; they do not before."""
        with self._lock:
            self._flushed = time.monotonic()
            rows = [(digest, _today()) for digest in self._new]
            if rows and self._execute("INSERT OR REPLACE INTO entries VALUES (?, ?)", rows) is not None:
                self._new.clear()
                if len(self._known) > MOST_KNOWN:  # a million would take 100 MB
                    self._known.clear()
            notes = [(digest, text, _today()) for digest, text in self._new_notes.items()]
            if notes and self._execute("INSERT OR REPLACE INTO notes VALUES (?, ?, ?)", notes) is not None:
                self._new_notes.clear()
            if len(self._new_notes) > MOST_KNOWN:  # nothing can be kept here
                self._new_notes.clear()

    def _flush_in_time(self) -> None:
        if time.monotonic() > self._flushed + FLUSH_SECONDS:
            self.flush()

    def _execute(self, statement: str, values: list) -> list | None:
        """None where the ledger cannot be used. values: of one row, or a list of rows."""
        if self._owner != os.getpid():  # also after a fork, when the connection belongs to the parent
            self._owner, self._rows = os.getpid(), _connect(self._folder())
        if self._rows is None:
            return None
        try:
            with self._rows:
                if isinstance(values[0], tuple):
                    return self._rows.executemany(statement, values).fetchall()
                return self._rows.execute(statement, values).fetchall()
        except sqlite3.OperationalError:  # locked, or a full disk
            return None
        except sqlite3.Error:  # damaged: the next process makes another
            self._rows = None
            return None


def _connect(folder: Path | None) -> sqlite3.Connection | None:
    if folder is None:
        return None
    place = folder / LEDGER_FILE
    try:
        return _open(place)
    except sqlite3.OperationalError:  # locked, or a full disk
        return None
    except sqlite3.DatabaseError:
        with contextlib.suppress(OSError, sqlite3.Error):
            place.unlink()
            return _open(place)
        return None
    except OSError:
        return None


def _open(place: Path) -> sqlite3.Connection:
    descriptor = os.open(place, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, 0o600)
    try:
        found = os.fstat(descriptor)
    finally:
        os.close(descriptor)
    if not stat.S_ISREG(found.st_mode) or not is_private(found):
        raise PermissionError(f"{place} is not ours")
    rows = sqlite3.connect(place, timeout=LOCK_SECONDS, check_same_thread=False)
    # No waiting for the disk: a ledger that a power cut damages is made again.
    for statement in ("PRAGMA synchronous = OFF", "PRAGMA cell_size_check = ON", *TABLES):
        rows.execute(statement)
    with rows:
        # Once a day, because it reads all rows.
        if rows.execute("PRAGMA user_version").fetchone() != (_today(),):
            for table in ("entries", "notes"):
                rows.execute(f"DELETE FROM {table} WHERE day < ?", [_today() - KEPT_DAYS])
            rows.execute(f"PRAGMA user_version = {_today()}")
    return rows


def _today() -> int:
    return int(time.time() // 86400)


def digest_of(*parts: object) -> bytes:
    """16 bytes that stand for these values."""
    return hashlib.sha256("\0".join(map(str, parts)).encode("utf-8", "surrogateescape")).digest()[:16]


LEDGER = Ledger()
atexit.register(LEDGER.flush)
