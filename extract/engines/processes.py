"""Several devices of one machine: a process each, fed with shards; one that dies is replaced and loses nothing."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Collection, Sequence
from dataclasses import replace
from functools import partial
from multiprocessing.connection import Connection, wait
from pathlib import Path

from data_lists import Video
from extract.engines.device_worker import Counts, Hindered, Ready, Refused
from extract.engines.dispatch import STORE_SECONDS, Dispatch, shards, sizes
from extract.pipeline.extractor import missing, say_batch_size, stored_frames
from extract.pipeline.settings import RunReport, RunSettings
from extract.presets import Preset
from extract.runtime.child_process import how_it_ended, start_child
from extract.runtime.progress import Progress
from extract.store import FeatureStore
from extract.store.failures import write_failures

LOOK_SECONDS = 0.25
END_SECONDS = 15.0
STARTS = 3  # of one device in a row that do not get as far as a network


def run(
    preset: Preset,
    videos: Sequence[Video],
    *,
    root: Path,
    store_root: Path,
    settings: RunSettings,
    devices: Sequence[str],
    progress: Progress,
    others: Collection[str] = (),
) -> RunReport:
    """Extract every video of a list that the store lacks, on several devices at once.

    devices: as for --device; one may be named twice. others: see write_failures. Raises what pipeline.run raises, and
    ValueError where no device can be kept running.
    """
    started = time.monotonic()
    with _Devices(preset, root, store_root, settings, devices) as workers:
        store = workers.first_store()
        store.remove_stale()
        say_batch_size(store, settings)
        todo, damaged = missing(store, videos)
        dispatch = Dispatch(
            shards(todo, sizes=sizes(todo, root), workers=len(devices)),
            frames=partial(stored_frames, store),
            damaged=damaged,
        )
        dispatch.report.skipped = len(videos) - len(todo)
        progress.total = len(todo)
        try:
            workers.work(dispatch, progress)
        finally:
            write_failures(store, dispatch.report.failed, others=others)
            dispatch.report.seconds = time.monotonic() - started
            progress.show(final=True)
    if workers.killed:
        store.remove_stale()
    return dispatch.report


class _Devices:
    """The processes of a run."""

    def __init__(
        self, preset: Preset, root: Path, store_root: Path, settings: RunSettings, devices: Sequence[str]
    ):
        self.order = preset, root, store_root
        self.settings = settings
        self.store_root = store_root
        self.workers = [_DeviceProcess(device) for device in devices]
        self.killed = False  # one of them, so that it may have left a file half written

    def __enter__(self) -> _Devices:
        return self

    def __exit__(self, *error) -> None:
        for worker in self.workers:
            worker.terminate()
        for worker in self.workers:
            self._end(worker)

    def first_store(self) -> FeatureStore:
        """The first process makes the store, or refuses; the others find it made and take its batch shape."""
        first, answer = self.workers[0], None
        while answer is None:
            if first.starts == STARTS:
                raise ValueError(
                    f"the process for {first.device} died {STARTS} times while it started; try --device"
                )
            self._end(first)
            self._start(first)
            answer = first.receive()
        if isinstance(answer, Refused):
            raise ValueError(answer.reason)
        first.ready, first.starts = True, 0
        for worker in self.workers[1:]:
            self._start(worker)
        return FeatureStore(self.store_root)

    def work(self, dispatch: Dispatch, progress: Progress) -> None:
        looked = time.monotonic()
        while not dispatch.done:
            if time.monotonic() - looked > STORE_SECONDS:
                looked = time.monotonic()
                dispatch.look()
            for worker in self.workers:
                if worker.ready and worker.idle and (shard := dispatch.next(worker)) is not None:
                    worker.give(shard.videos)
            for connection in wait([worker.connection for worker in self.workers], LOOK_SECONDS):
                worker = next(each for each in self.workers if each.connection is connection)
                self._take(worker, worker.receive(), dispatch)
            counts = [worker.counts for worker in self.workers]
            progress.frames = sum(each.frames for each in counts)
            progress.failed = len(dispatch.report.failed)
            progress.done = progress.total - dispatch.left - progress.failed
            progress.show()

    def _take(self, worker: _DeviceProcess, answer, dispatch: Dispatch) -> None:
        if isinstance(answer, Ready):
            worker.ready, worker.starts = True, 0
        elif isinstance(answer, Counts):
            worker.counts = answer
        elif isinstance(answer, RunReport):
            worker.idle = True
            dispatch.finished(worker, answer)
        elif isinstance(answer, Hindered):
            worker.idle = True
            dispatch.hindered(worker, answer.reason)
        elif isinstance(answer, Refused):
            raise ValueError(f"{worker.device}: {answer.reason}")
        else:
            reason = self._end(worker)
            dispatch.lost(worker, reason)
            if worker.starts >= STARTS:
                raise ValueError(
                    f"{worker.device}: its process died {STARTS} times while it started ({reason})"
                )
            self._start(worker)

    def _end(self, worker: _DeviceProcess) -> str:
        reason = worker.end()
        self.killed |= worker.killed
        return reason

    def _start(self, worker: _DeviceProcess) -> None:
        worker.start((*self.order, replace(self.settings, device=worker.device)))


class _DeviceProcess:
    """One process as its parent holds it."""

    def __init__(self, device: str):
        self.device = device
        self.starts = 0
        self.killed = False
        self.counts = Counts(0, 0, 0)
        self.connection: Connection | None = None

    def start(self, order: tuple) -> None:
        self.ready, self.idle, self.starts = False, True, self.starts + 1
        self._process, self.connection = start_child("extract.engines.device_worker")
        self.send(order)

    def give(self, videos: Sequence[Video]) -> None:
        self.idle = False
        self.send(tuple(videos))

    def send(self, message) -> None:
        try:
            self.connection.send(message)
        except ConnectionError:
            pass  # it is dead: reading its connection will say so

    def receive(self):
        """Its next message, None when it is dead."""
        try:
            return self.connection.recv()
        except (EOFError, OSError):  # OSError: killed in the middle of a message
            return None

    def terminate(self) -> None:
        if self.connection is not None:
            self._process.terminate()

    def end(self) -> str:
        """Wait for the end of the process, or force it; how it ended, for a person."""
        if self.connection is None:
            return ""
        self.connection.close()
        try:
            code = self._process.wait(END_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            code = self._process.wait()
        self.connection, self.killed = None, code < 0
        return f"it {how_it_ended(code)}"
