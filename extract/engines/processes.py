"""Several devices of one machine: a process each, fed with shards; one that dies is replaced."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Collection, Sequence
from dataclasses import replace
from multiprocessing.connection import Connection, wait

from data_lists import Video
from extract.engines.device_worker import Counts, Ready, Refused, StoreAway
from extract.engines.dispatch import STORE_SECONDS, Dispatch
from extract.engines.shared_run import dispatching
from extract.pipeline.run_settings import ExtractionJob, RunReport
from extract.runtime.child_process import how_it_ended, start_child
from extract.runtime.progress import Progress
from extract.store import FeatureStore

# Longest wait for messages, so that the store is looked at in time.
POLL_SECONDS = 0.25
END_SECONDS = 15.0
# A run ends when one device's process dies this many times in a row before its network is ready.
MAX_STARTS = 3


def run(
    job: ExtractionJob,
    videos: Sequence[Video],
    *,
    devices: Sequence[str],
    progress: Progress,
    others: Collection[str] = (),
) -> RunReport:
    """Extract every listed video that is not in the store yet, on several devices at once.

    devices: as for --device; one may be named twice. others: see write_failures. Raises what
    extract.pipeline.extractor.run_job raises, and ValueError if no device can be kept running.
    """
    started = time.monotonic()
    with _DeviceProcesses(job, devices) as workers:
        store, listed = workers.first_store(), [video.video_id for video in videos]
        store.remove_stale(among=listed)
        count = len(devices)
        with dispatching(job, store, videos, workers=count, progress=progress, others=others) as dispatch:
            workers.work(dispatch, progress)
    if workers.killed:
        store.remove_stale(among=listed)
    dispatch.report.seconds = time.monotonic() - started
    return dispatch.report


class _DeviceProcesses:
    """The processes of a run, one per device."""

    def __init__(self, job: ExtractionJob, devices: Sequence[str]):
        self.job = job
        self.workers = [_DeviceProcess(device) for device in devices]
        self.killed = False  # one of them, so that it may have left a file half written

    def __enter__(self) -> _DeviceProcesses:
        return self

    def __exit__(self, *error) -> None:
        for worker in self.workers:
            worker.terminate()
        for worker in self.workers:
            self._end(worker)

    def first_store(self) -> FeatureStore:
        """The first process creates the store, or refuses; the others open it and use its batch size."""
        first, answer = self.workers[0], None
        while answer is None:
            if first.starts == MAX_STARTS:
                raise ValueError(
                    f"the process for {first.device} died {MAX_STARTS} times while it started; try --device"
                )
            self._end(first)
            self._start(first)
            answer = first.receive()
        if isinstance(answer, Refused):
            raise ValueError(answer.reason)
        first.ready, first.starts = True, 0
        for worker in self.workers[1:]:
            self._start(worker)
        return FeatureStore(self.job.store_root)

    def work(self, dispatch: Dispatch, progress: Progress) -> None:
        """Feed the processes until every video is extracted or has failed."""
        looked = time.monotonic()
        while not dispatch.done:
            if time.monotonic() - looked > STORE_SECONDS:
                looked = time.monotonic()
                dispatch.note_stored()
            for worker in self.workers:
                if worker.ready and worker.idle and (shard := dispatch.next(worker)) is not None:
                    worker.give(shard.videos)
            by_connection = {each.connection: each for each in self.workers if each.connection is not None}
            for connection in wait(list(by_connection), POLL_SECONDS):
                worker = by_connection[connection]  # pyright: ignore[reportArgumentType]  (only these are waited for)
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
        elif isinstance(answer, StoreAway):
            worker.idle = True
            dispatch.store_away(worker, answer.reason)
        elif isinstance(answer, Refused):
            raise ValueError(f"{worker.device}: {answer.reason}")
        else:
            reason = self._end(worker)
            dispatch.lost(worker, reason)
            if worker.starts >= MAX_STARTS:
                raise ValueError(
                    f"{worker.device}: its process died {MAX_STARTS} times while it started ({reason})"
                )
            self._start(worker)

    def _end(self, worker: _DeviceProcess) -> str:
        reason = worker.end()
        self.killed |= worker.killed
        return reason

    def _start(self, worker: _DeviceProcess) -> None:
        worker.start(replace(self.job, settings=replace(self.job.settings, device=worker.device)))


class _DeviceProcess:
    """One process as its parent sees it."""

    def __init__(self, device: str):
        self.device = device
        self.starts = 0
        self.killed = False
        self.counts = Counts(0, 0, 0)
        self.connection: Connection | None = None

    def start(self, job: ExtractionJob) -> None:
        self.ready, self.idle, self.starts = False, True, self.starts + 1
        self._process, self.connection = start_child("extract.engines.device_worker", whole_environment=True)
        self.send(job)

    def give(self, videos: Sequence[Video]) -> None:
        self.idle = False
        self.send(tuple(videos))

    def send(self, message) -> None:
        assert self.connection is not None
        try:
            self.connection.send(message)
        except ConnectionError:
            pass  # it is dead, which receive() will notice

    def receive(self):
        """Its next message, None when it is dead."""
        assert self.connection is not None
        try:
            return self.connection.recv()
        except (EOFError, OSError):  # OSError: killed in the middle of a message
            return None

    def terminate(self) -> None:
        if self.connection is not None:
            self._process.terminate()

    def end(self) -> str:
        """Wait for the process to end, or kill it; returns how it ended, in words."""
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
