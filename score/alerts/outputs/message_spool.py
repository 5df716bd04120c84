"""Messages that wait for delivery, in order, and on disk so that they survive this process."""

from __future__ import annotations

import json
import threading
from collections import OrderedDict
from pathlib import Path

from extract.runtime.atomic import sweep, write_text
from extract.runtime.foreign.foreign_error import ForeignFileError
from extract.runtime.foreign.text_files import read_json

LARGEST = 1 << 20  # bytes of one message
DIGITS = 12
SUFFIX = ".json"


class MessageSpool:
    """One file per message, named by its number; None as a folder keeps them in memory only.

    most: beyond that the oldest are given up. given_up: how many were. Safe for several threads.
    """

    def __init__(self, folder: Path | None, *, most: int):
        self.folder, self.most, self.given_up = folder, most, 0
        self._lock = threading.Lock()
        self._waiting: OrderedDict[int, tuple[str, str] | None] = OrderedDict()  # None: only on disk
        if folder is not None:
            folder.mkdir(parents=True, exist_ok=True)
            sweep(folder)
            names = [path.name.removesuffix(SUFFIX) for path in folder.glob(f"*{SUFFIX}")]
            numbers = sorted(
                int(name) for name in names if len(name) == DIGITS and name.isascii() and name.isdigit()
            )
            self._waiting.update(dict.fromkeys(numbers))
        self._next = max(self._waiting, default=-1) + 1

    def __len__(self) -> int:
        with self._lock:
            return len(self._waiting)

    def add(self, topic: str, payload: str) -> None:
        """Keep a message, on disk when this returns. Raises OSError; the message is then in memory only."""
        with self._lock:
            number, self._next = self._next, self._next + 1
            self._waiting[number] = (topic, payload)
            while len(self._waiting) > self.most:
                self._remove(next(iter(self._waiting)))
                self.given_up += 1
        if self.folder is not None:
            write_text(self._path(number), json.dumps({"topic": topic, "payload": payload}))
            with self._lock:
                if number not in self._waiting:  # it was delivered, or given up, in the meantime
                    self._path(number).unlink(missing_ok=True)

    def oldest(self) -> tuple[int, str, str] | None:
        """(number, topic, payload) of what waits longest, None for nothing. Unreadable files are removed."""
        with self._lock:
            while self._waiting:
                number, message = next(iter(self._waiting.items()))
                if message is not None or (message := self._read(number)) is not None:
                    return number, *message
                self._remove(number)
                self.given_up += 1
            return None

    def done(self, number: int) -> None:
        """The message arrived."""
        with self._lock:
            self._remove(number)

    def _remove(self, number: int) -> None:
        self._waiting.pop(number, None)
        if self.folder is not None:
            self._path(number).unlink(missing_ok=True)

    def _read(self, number: int) -> tuple[str, str] | None:
        try:
            message = read_json(self._path(number), largest=LARGEST)
            topic, payload = message["topic"], message["payload"]
        except (ForeignFileError, TypeError, KeyError):
            return None
        return (topic, payload) if isinstance(topic, str) and isinstance(payload, str) else None

    def _path(self, number: int) -> Path:
        assert self.folder is not None
        return self.folder / f"{number:0{DIGITS}}{SUFFIX}"
