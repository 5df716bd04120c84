"""Videos of large stores read and pooled by several processes; the result does not depend on how many."""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Sequence
from contextlib import ExitStack, suppress
from functools import partial
from multiprocessing.connection import wait

import numpy as np

from extract.runtime.child_process import how_it_ended, start_child
from extract.runtime.machine import cores
from extract.store import FeatureStore, StoreError
from score.pooling.pool_worker import PoolJob, Refusal, byte_chunks
from score.pooling.pooled_video import PooledVideo, pooled_video
from score.pooling.rules import SegmentsConfig

BYTES_PER_WORKER = 1 << 28  # about one second of work; starting a process takes a third of that
QUEUED = 2  # videos that a worker holds: the one it reads and the next
END_SECONDS = 10.0

# Place of a video in the list, N -> modality -> float32 [T, C, D] to fill.
Place = Callable[[int, int], dict[str, np.ndarray]]


def choose_workers(stores: Sequence[FeatureStore], video_ids: Sequence[str]) -> int:
    """As many as there are cores, fewer if there is little to read; 1 stands for this process."""
    chosen = set(video_ids)
    size = sum(size for store in stores for video_id, size in store.sizes().items() if video_id in chosen)
    return max(1, min(cores(), size // BYTES_PER_WORKER, len(chosen)))


def pooled_videos(
    stores: Sequence[FeatureStore],
    video_ids: Sequence[str],
    segments: SegmentsConfig,
    *,
    place: Place,
    moments: bool,
    workers: int,
) -> list[PooledVideo]:
    """Read and pool videos into the arrays that `place` returns; results in the order of the ids.

    Raises what pooled_video raises, and ValueError if a process dies.
    """
    if workers == 1:
        return [
            pooled_video(stores, video_id, segments, place=partial(place, number), moments=moments)
            for number, video_id in enumerate(video_ids)
        ]
    job = PoolJob(tuple(store.root for store in stores), segments, moments)
    found: dict[int, PooledVideo] = {}
    with ExitStack() as stack:
        running = [_Worker(job) for _ in range(workers)]
        for worker in running:
            stack.callback(worker.end)
        # The largest first, so that no worker is left alone with a long video at the end.
        size = stores[0].sizes()
        waiting = sorted(enumerate(video_ids), key=lambda each: size.get(each[1], 0))
        for worker in running * QUEUED:
            if waiting:
                worker.give(*waiting.pop())
        while len(found) < len(video_ids):
            ready = wait([worker.connection for worker in running if worker.given])
            for worker in running:
                if worker.connection in ready:
                    number, video = worker.receive(place)
                    found[number] = video
                    if waiting:
                        worker.give(*waiting.pop())
    return [found[number] for number in range(len(video_ids))]


class _Worker:
    """The parent's end of one process. given: (number, id) of its videos, the one it reads first."""

    def __init__(self, job: PoolJob):
        self.given: list[tuple[int, str]] = []
        self._process, self.connection = start_child(
            "score.pooling.pool_worker",
            one_thread=True,
            # Only remote stores need the keys of their clouds.
            whole_environment=any("://" in str(root) for root in job.roots),
        )
        self._send(job)

    def give(self, number: int, video_id: str) -> None:
        self.given.append((number, video_id))
        self._send(video_id)

    def receive(self, place: Place) -> tuple[int, PooledVideo]:
        """(number, video) of the video that was read. Raises StoreError if the worker refused it."""
        number, video_id = self.given.pop(0)
        try:
            answer = self.connection.recv()
            if isinstance(answer, Refusal):
                raise StoreError(answer.reason)
            for rows in place(number, answer.num_segments).values():
                for chunk in byte_chunks(rows):
                    self.connection.recv_bytes_into(chunk)
        except (EOFError, ConnectionError):
            raise ValueError(
                f"a process that read {video_id} {self._death()}; fewer of them (--workers 1) need less "
                "memory"
            ) from None
        return number, answer

    def end(self) -> None:
        self.connection.close()
        self._process.kill()
        self._process.wait()

    def _send(self, message: PoolJob | str) -> None:
        # A dead process is reported when its connection is read.
        with suppress(ConnectionError):
            self.connection.send(message)

    def _death(self) -> str:
        try:
            return how_it_ended(self._process.wait(END_SECONDS))
        except subprocess.TimeoutExpired:
            return how_it_ended(None)
