"""Decode workers seen from the process that owns the device: starts, feeds, watches and replaces them."""

from __future__ import annotations

import signal
import threading
import time
from collections import deque
from collections.abc import Iterable, Iterator
from multiprocessing import connection

from extract.decode.decode_events import FramesDecoded, VideoEnded, VideoFailed, VideoOpened, VideoRestarted
from extract.decode.decode_settings import DecodeJob, DecodeSettings
from extract.decode.idle_workers import IdleWorkers
from extract.decode.worker_link import FramesSent
from extract.decode.worker_process import WorkerProcess

START_SECONDS = 120.0  # for a fresh interpreter on a busy machine or a slow disk
FIRST_ATTEMPT = 0


class DecodePool:
    """Iterate over it for the events of all jobs (extract.decode.decode_events), each video's in order, videos
    interleaved.

    A worker that makes no progress for stall_seconds while it is not waiting for its consumer, or that dies,
    is killed and replaced; its video starts over with the next decoder, and fails when there is none left.
    Frames are the same whatever the number of workers. Iterate in a thread that lives as long as the pool is
    used: the kernel ends workers with the thread that started them. Leaving the iteration or close() kills
    all workers; those that are idle at its end go to `spare`, where they come from, if it is given.
    """

    def __init__(self, jobs: Iterable[DecodeJob], settings: DecodeSettings, spare: IdleWorkers | None = None):
        self.settings = settings
        self._spare = spare
        self._pending: deque[tuple[DecodeJob, int]] = deque((job, FIRST_ATTEMPT) for job in jobs)
        self._workers: list[WorkerProcess] = []
        self._lock = spare.lock if spare else threading.Lock()  # release() may be called by any thread
        self._checked = time.monotonic()

    def __enter__(self) -> DecodePool:
        return self

    def __exit__(self, *exception) -> None:
        self.close()

    def __iter__(self) -> Iterator:
        try:
            while self._pending or any(worker.job for worker in self._workers):
                self._assign()
                busy = {worker.connection: worker for worker in self._workers if worker.job}
                pause = min(0.5, self.settings.stall_seconds / 8)
                for ready in connection.wait(list(busy), timeout=pause):
                    yield from self._read(busy[ready])
                yield from self._replace_stalled()
            if self._spare is not None:
                while self._workers:
                    self._spare.keep(self._workers.pop())
        finally:
            self.close()

    def close(self) -> None:
        """Kills every worker. Frames that are not yet released stay readable while somebody holds them."""
        with self._lock:
            workers, self._workers = self._workers, []
            self._pending.clear()
            for worker in workers:
                worker.kill()

    def _assign(self) -> None:
        idle = [worker for worker in self._workers if not worker.job]
        while self._pending and (idle or len(self._workers) < self.settings.workers):
            if idle:
                worker = idle.pop()
            else:
                worker = self._spare and self._spare.take() or WorkerProcess(self.settings)
                self._workers.append(worker)
            job, attempt = self._pending.popleft()
            with self._lock:
                worker.assign(job, attempt)

    def _read(self, worker: WorkerProcess) -> Iterator:
        if worker not in self._workers:
            return  # closed by the consumer of the last event
        try:
            event = worker.connection.recv()
        except (EOFError, OSError):
            yield from self._lose(worker, f"the decoding process {_death(worker.wait())}")
            return
        if isinstance(event, FramesSent):
            frames = worker.memory.view(event.offset, event.shape)
            release = _Release(self._lock, worker, event.offset)
            yield FramesDecoded(event.video_id, event.frame_index, event.pts_seconds, frames, release)
            return
        if isinstance(event, VideoOpened):
            worker.opened = True
        elif isinstance(event, VideoRestarted):
            worker.opened = False
        elif isinstance(event, (VideoEnded, VideoFailed)):
            with self._lock:
                worker.finish_job()
                if worker.is_used_up():
                    self._workers.remove(worker)
                    worker.kill()
            self._assign()  # now: the consumer may take its time with what it gets
        yield event

    def _replace_stalled(self) -> Iterator:
        """Gives up workers without progress.

        Their clock runs only while the pool looks: a consumer that was away, or a process group that was
        stopped, must not make workers look stalled.
        """
        now = time.monotonic()
        limit = self.settings.stall_seconds
        elapsed, self._checked = min(now - self._checked, limit / 4), now
        for worker in list(self._workers):
            allowed = limit if worker.has_started() else START_SECONDS
            if worker.job and worker.idle_seconds(elapsed) > allowed:
                yield from self._lose(worker, f"the decoder made no progress for {limit:g} s")

    def _lose(self, worker: WorkerProcess, reason: str) -> Iterator:
        """Ends a worker that is of no more use; its video goes to the next decoder, first in the queue."""
        job, opened, attempt = worker.job, worker.opened, worker.reader()
        messages = worker.last_messages()
        with self._lock:
            self._workers.remove(worker)
            worker.kill()
        if attempt + 1 < len(self.settings.readers):
            self._pending.appendleft((job, attempt + 1))
            if opened:
                yield VideoRestarted(job.video_id)
        else:
            stage = "decode" if opened else "open"
            yield VideoFailed(job.video_id, stage, f"{job.video_id}: {reason}", messages)


class _Release:
    """Gives one region back to its worker, once, from any thread; does nothing when the worker is gone."""

    def __init__(self, lock: threading.Lock, worker: WorkerProcess, offset: int):
        self._lock = lock
        self._worker: WorkerProcess | None = worker
        self._offset = offset

    def __call__(self) -> None:
        with self._lock:
            worker, self._worker = self._worker, None
            if worker is not None:
                worker.release(self._offset)


def _death(status: int | None) -> str:
    if status is None:
        return "closed its connection"
    if status < 0:
        return f"was killed by {signal.Signals(-status).name}"
    return f"ended by itself with status {status}"
