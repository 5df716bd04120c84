"""The jobs of the interface by their ids: how many may wait, and how long results are kept."""

from __future__ import annotations

import secrets
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal, cast

from score.jobs.job import Job

MAX_KEPT = 1000  # results; the oldest of any more are removed
State = Literal["uploading", "waiting", "working", "done", "failed", "cancelled"]
ENDED: tuple[State, ...] = ("done", "failed", "cancelled")


class TooManyJobs(Exception):
    """As many videos as are allowed already come in, wait or are scored."""


@dataclass
class Entry:
    """One video that was sent. name: as its owner calls it. size: bytes. created: Unix time."""

    id: str
    job: Job
    name: str = ""
    size: int = 0
    created: float = field(default_factory=time.time)
    is_uploading: bool = True

    @property
    def state(self) -> State:
        if self.is_uploading:
            return "uploading"
        return "done" if self.job.state == "closed" else cast(State, self.job.state)

    @property
    def is_over(self) -> bool:
        return not self.is_uploading and self.job.is_over


class JobTable:
    """max_open: videos that may come in, wait or be scored at a time. keep_seconds: for a result.

    make: a job that is not started, given whether it is still wanted. close: removes a job and its files.
    """

    def __init__(
        self,
        *,
        make: Callable[[Callable[[], bool]], Job],
        close: Callable[[Job], None],
        max_open: int,
        keep_seconds: float,
    ):
        self.max_open, self.keep_seconds = max_open, keep_seconds
        self.ended_by_state: dict[State, int] = dict.fromkeys(ENDED, 0)
        self._make, self._close = make, close
        self._entries: dict[str, Entry] = {}
        self._counted: set[str] = set()
        self._lock = threading.Lock()

    def open(self) -> Entry:
        """A place for a video that comes in. Raises TooManyJobs."""
        self.tidy()
        with self._lock:
            if sum(not each.is_over for each in self._entries.values()) >= self.max_open:
                raise TooManyJobs
            place: list[Entry] = []
            job = self._make(lambda: not place or self._is_wanted(place[0]))
            entry = Entry(secrets.token_urlsafe(12), job)
            place.append(entry)
            self._entries[entry.id] = entry
            return entry

    def get(self, job_id: str) -> Entry | None:
        self.tidy()
        with self._lock:
            return self._entries.get(job_id)

    def all(self) -> list[Entry]:
        """In the order in which they came."""
        self.tidy()
        with self._lock:
            return list(self._entries.values())

    def position(self, entry: Entry) -> int:
        """How many videos that came before still wait or are scored."""
        with self._lock:
            before = [each for each in self._entries.values() if each.created < entry.created]
        return sum(not each.is_over for each in before)

    def remove(self, entry: Entry) -> None:
        """Cancel a job if it runs, and forget it."""
        self._count(entry)
        with self._lock:
            self._entries.pop(entry.id, None)
            self._counted.discard(entry.id)
        self._close(entry.job)

    def tidy(self) -> None:
        """Count what has ended, and remove what was kept for long enough."""
        with self._lock:
            ended = [each for each in self._entries.values() if each.is_over]
        for entry in ended:
            self._count(entry)
        for number, entry in enumerate(ended):
            if not self._is_wanted(entry) or len(ended) - number > MAX_KEPT:
                self.remove(entry)

    def _is_wanted(self, entry: Entry) -> bool:
        ended = entry.job.ended
        return not entry.is_over or ended is None or time.time() - ended < self.keep_seconds

    def _count(self, entry: Entry) -> None:
        with self._lock:
            if entry.is_over and entry.id not in self._counted:
                self._counted.add(entry.id)
                self.ended_by_state[entry.state] += 1
