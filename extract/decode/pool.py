"""The pool of decode workers, in the process that owns the device: starts, feeds, watches, replaces them."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Iterable, Iterator
from multiprocessing import connection

from extract.decode.decode_events import (
    DecodeEvent,
    FramesDecoded,
    VideoEnded,
    VideoFailed,
    VideoOpened,
    VideoRestarted,
)
from extract.decode.decode_settings import DecodeJob, DecodeSettings
from extract.decode.event_pickles import receive_event
from extract.decode.idle_workers import IdleWorkers
from extract.decode.worker_link import FramesSent
from extract.decode.worker_process import WorkerProcess
from extract.runtime.child_process import how_it_ended

START_SECONDS = 120.0  # a fresh interpreter may take this long on a busy machine or a slow disk
FIRST_ATTEMPT = 0


class DecodePool:
    """Iterating yields the events of all jobs (see decode_events), in order per video, videos interleaved.

    A worker that dies, or that makes no progress for stall_seconds while it is not waiting for the consumer,
    is killed and replaced; its video starts over with the next decoder, and fails if none is left. Frames do
    not depend on the number of workers. Iterate in a thread that lives as long as the pool is used: the
    kernel kills workers together with the thread that started them. Leaving the iteration early and close()
    kill all workers. With `idle_workers`, the pool takes workers from there and returns them at its end.
    """

    def __init__(
        self, jobs: Iterable[DecodeJob], settings: DecodeSettings, idle_workers: IdleWorkers | None = None
    ):
        self.settings = settings
        self._idle_workers = idle_workers
        self._pending: deque[tuple[DecodeJob, int]] = deque((job, FIRST_ATTEMPT) for job in jobs)
        self._workers: list[WorkerProcess] = []
        self._lock = idle_workers.lock if idle_workers else threading.Lock()  # any thread may release frames
        self._checked = time.monotonic()

    def __enter__(self) -> DecodePool:
        return self

    def __exit__(self, *exception) -> None:
        self.close()

    def __iter__(self) -> Iterator[DecodeEvent]:
        try:
            while self._pending or any(worker.job for worker in self._workers):
                self._assign()
                busy: dict[object, WorkerProcess] = {
                    worker.connection: worker for worker in self._workers if worker.job
                }
                # Short enough to notice a stall soon after it is due.
                pause = min(0.5, self.settings.stall_seconds / 8)
                for ready in connection.wait([worker.connection for worker in busy.values()], timeout=pause):
                    yield from self._read(busy[ready])
                yield from self._replace_stalled()
            # Only after a complete iteration: in an abandoned one workers may be in the middle of a video.
            if self._idle_workers is not None:
                while self._workers:
                    self._idle_workers.keep(self._workers.pop())
        finally:
            self.close()

    def close(self) -> None:
        """Kill every worker. Frames that are not released yet stay readable while somebody holds them."""
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
                worker = self._idle_workers.take() if self._idle_workers is not None else None
                worker = worker or WorkerProcess(self.settings)
                self._workers.append(worker)
            job, attempt = self._pending.popleft()
            with self._lock:
                worker.assign(job, attempt)

    def _read(self, worker: WorkerProcess) -> Iterator[DecodeEvent]:
        if worker not in self._workers:
            return  # the consumer closed the pool while it handled the last event
        try:
            event = receive_event(worker.connection)
        except (EOFError, OSError):
            yield from self._replace(worker, f"the decoding process {how_it_ended(worker.wait())}")
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
            self._assign()  # before the yield, because the consumer may be busy with this event for long
        yield event

    def _replace_stalled(self) -> Iterator[DecodeEvent]:
        """Replace workers without progress.

        Their clock runs only while the pool is iterated: a consumer that was busy, or a process group that
        was suspended, must not make workers look stalled.
        """
        now = time.monotonic()
        limit = self.settings.stall_seconds
        # However long nobody iterated the pool, one check counts at most a quarter of the limit.
        elapsed, self._checked = min(now - self._checked, limit / 4), now
        for worker in list(self._workers):
            allowed = limit if worker.has_started() else START_SECONDS
            if worker.job and worker.idle_seconds(elapsed) > allowed:
                yield from self._replace(worker, f"the decoder made no progress for {limit:g} s")

    def _replace(self, worker: WorkerProcess, reason: str) -> Iterator[DecodeEvent]:
        """Kill a worker that is no longer usable; its video goes to the next decoder, first in the queue."""
        job, opened, attempt = worker.job, worker.opened, worker.reader()
        assert job is not None, "only workers with a job are read and watched"
        messages = worker.last_messages()
        with self._lock:
            self._workers.remove(worker)
            worker.kill()
        if attempt + 1 < len(self.settings.readers):
            # At the front, so that a consumer that holds this video's state can finish it first.
            self._pending.appendleft((job, attempt + 1))
            if opened:
                yield VideoRestarted(job.video_id)
        else:
            stage = "decode" if opened else "open"
            yield VideoFailed(job.video_id, stage, f"{job.video_id}: {reason}", messages)


class _Release:
    """Returns one region to its worker, once, from any thread; does nothing if the worker is gone."""

    def __init__(self, lock: threading.Lock, worker: WorkerProcess, offset: int):
        self._lock = lock
        self._worker: WorkerProcess | None = worker
        self._offset = offset

    def __call__(self) -> None:
        with self._lock:
            worker, self._worker = self._worker, None
            if worker is not None:
                worker.release(self._offset)
