"""The process that owns one device: it extracts the shards that it receives and reports on each.

Started by extract.engines.processes as a fresh interpreter; ends when its parent does.
"""

from __future__ import annotations

import signal
import time
from dataclasses import dataclass
from multiprocessing.connection import Connection

from extract.pipeline.extractor import Extractor
from extract.pipeline.run_settings import ExtractionJob, RunReport
from extract.runtime.progress import Progress
from extract.store import StoreError

PROGRESS_SECONDS = 0.5


@dataclass(frozen=True)
class Ready:
    """The network is on its device."""


@dataclass(frozen=True)
class Refused:
    """The run cannot work at all. reason: the text of a ValueError or StoreError."""

    reason: str


@dataclass(frozen=True)
class StoreAway:
    """A shard was given up, because the store cannot be reached for the moment. reason: of the StoreError."""

    reason: str


@dataclass(frozen=True)
class Counts:
    """The worker's progress since it started: videos done and failed, and frames."""

    done: int
    failed: int
    frames: int


class SentProgress(Progress):
    """Progress that goes to the parent instead of the terminal."""

    def __init__(self, connection: Connection):
        super().__init__(total=0, live=False)
        self.connection, self._sent = connection, 0.0

    def show(self, *, final: bool = False) -> None:
        if final or time.monotonic() - self._sent > PROGRESS_SECONDS:
            self._sent = time.monotonic()
            self.connection.send(Counts(self.done, self.failed, self.frames))


def main(connection: Connection) -> None:
    """Extract what comes over the connection: a job, then lists of videos."""
    signal.signal(signal.SIGTERM, _leave)
    try:
        serve(connection, connection.recv())
    except (EOFError, ConnectionError):
        pass


def serve(connection: Connection, job: ExtractionJob) -> None:
    """Answer every list of videos with a RunReport until the connection closes or the run is refused."""
    try:
        extractor = Extractor(job, expected=job.settings.workers)
        connection.send(Ready())
        with extractor:
            answer(connection, extractor)
    except (ValueError, StoreError) as error:  # ValueError also for a batch that does not fit into the memory
        # this process is about to end anyway
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        connection.send(Refused(str(error)))


def answer(connection: Connection, extractor: Extractor) -> None:
    """What serve does once the device is ready."""
    progress = SentProgress(connection)
    while True:
        videos = connection.recv()
        report = RunReport()
        try:
            extractor.extract(videos, report, progress)
        except StoreError as error:
            connection.send(StoreAway(str(error)))
            continue
        progress.show(final=True)
        connection.send(report)


def _leave(_number, _frame) -> None:
    # a second signal must not cut the clean-up short
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    raise SystemExit(128 + signal.SIGTERM)
