"""The process that owns one device: it extracts the shards it is sent and reports each.

Started by extract.engines.processes as a fresh interpreter; ends when its parent does.
"""

from __future__ import annotations

import signal
import time
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path

from extract.pipeline.extractor import Extractor
from extract.pipeline.settings import RunReport, RunSettings
from extract.presets import Preset
from extract.runtime.progress import Progress
from extract.store import StoreError

PROGRESS_SECONDS = 0.5


@dataclass(frozen=True)
class Ready:
    """The network is on its device."""


@dataclass(frozen=True)
class Refused:
    """The run cannot work at all: the text of a ValueError or StoreError."""

    reason: str


@dataclass(frozen=True)
class Hindered:
    """A shard could not be gone through: the text of a StoreError, of storage that is away for a while."""

    reason: str


@dataclass(frozen=True)
class Counts:
    """How far the worker is: finished and failed videos and frames, since it started."""

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
    """Extract what comes over the connection."""
    signal.signal(signal.SIGTERM, _leave)
    try:
        serve(connection, *connection.recv())
    except (EOFError, ConnectionError):
        pass


def serve(
    connection: Connection, preset: Preset, root: Path, store_root: Path, settings: RunSettings
) -> None:
    """Answer every list of videos with a RunReport until the connection closes, or until the run is refused."""
    try:
        extractor = Extractor(
            preset, root=root, store_root=store_root, settings=settings, expected=settings.workers
        )
        connection.send(Ready())
        with extractor:
            answer(connection, extractor)
    except (ValueError, StoreError) as error:  # of a batch that does not fit into the memory, too
        signal.signal(signal.SIGTERM, signal.SIG_IGN)  # it ends by itself
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
            connection.send(Hindered(str(error)))
            continue
        progress.show(final=True)
        connection.send(report)


def _leave(number, frame) -> None:
    signal.signal(signal.SIGTERM, signal.SIG_IGN)  # a second one must not cut the clean-up short
    raise SystemExit(128 + number)
