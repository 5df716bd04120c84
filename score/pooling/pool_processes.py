"""Videos of large stores read and pooled by several processes; the result does not depend on how many."""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Sequence
from contextlib import ExitStack, suppress
from functools import partial
from multiprocessing.connection import wait

import numpy as np

from extract.runtime.child_process import how_it_ended, start_child
from extract.runtime.foreign.printable import printable
from extract.runtime.machine.limits import cores
from extract.store import FeatureStore, StoreError
from score.pooling.pool_worker import PoolJob, Refusal, byte_chunks
from score.pooling.pooled_video import PooledVideo, pooled_video
from score.pooling.rules import SegmentsConfig

BYTES_PER_WORKER = 1 << 28  # about one second of work; starting a process takes a third of that
QUEUED = 2  # videos that a worker holds: the one it reads and the next
TRIES = 2  # a video whose process died is read once more: the kernel may have needed its memory just then
MOST_DEATHS = 20  # then it is not the videos
NAMED = 20  # damaged videos in one message
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

    Raises StoreError after all others are read, with one line for each video that is damaged or whose process
    died twice.
    """
    reading = _Reading(list(video_ids), place)
    if workers == 1:
        for number, video_id in enumerate(video_ids):
            try:
                reading.found[number] = pooled_video(
                    stores, video_id, segments, place=partial(place, number), moments=moments
                )
            except StoreError as error:
                reading.problems[number] = str(error)
        return reading.results()
    job = PoolJob(tuple(store.root for store in stores), segments, moments)
    # The largest first, so that no worker is left alone with a long video at the end.
    size = stores[0].sizes()
    waiting = sorted(range(len(video_ids)), key=lambda number: size.get(video_ids[number], 0))
    with ExitStack() as stack:

        def started() -> _Worker:
            worker = _Worker(job)
            stack.callback(worker.end)
            return worker

        running = [started() for _ in range(workers)]
        while not reading.is_complete:
            for worker in running * QUEUED:
                if waiting and len(worker.given) < QUEUED:
                    number = waiting.pop()
                    worker.give(number, video_ids[number])
            ready = wait([worker.connection for worker in running if worker.given])
            for place_in_list, worker in enumerate(running):
                if worker.connection not in ready:
                    continue
                if (unread := reading.receive(worker)) is not None:
                    waiting += unread
                    running[place_in_list] = started()
    return reading.results()


class _Reading:
    """What was read so far. found, problems: by the number of the video."""

    def __init__(self, video_ids: list[str], place: Place):
        self.video_ids, self.place = video_ids, place
        self.found: dict[int, PooledVideo] = {}
        self.problems: dict[int, str] = {}
        self._deaths: dict[int, int] = {}

    @property
    def is_complete(self) -> bool:
        return len(self.found) + len(self.problems) == len(self.video_ids)

    def receive(self, worker: _Worker) -> list[int] | None:
        """Take one answer. Returns the videos that are to be read by others if the worker died, else None."""
        number, given = worker.given[0], list(worker.given)
        try:
            self.found[number] = worker.receive(self.place)
        except StoreError as error:
            self.problems[number] = str(error)
            # A process whose rows were not taken would answer the next video with them.
            return None if worker.is_in_step else given[1:]
        except WorkerDied as death:
            self._deaths[number] = self._deaths.get(number, 0) + 1
            if sum(self._deaths.values()) > MOST_DEATHS:
                raise StoreError(
                    f"{MOST_DEATHS} processes died that read {worker.stores}, the last one {death}; "
                    "fewer of them (--workers 1) need less memory"
                ) from None
            if self._deaths[number] < TRIES:
                return given
            self.problems[number] = (
                f"{printable(self.video_ids[number])}: the processes that read it from {worker.stores} died, "
                f"the last one {death}; fewer of them (--workers 1) need less memory"
            )
            return given[1:]
        return None

    def results(self) -> list[PooledVideo]:
        if self.problems:
            lines = [self.problems[number] for number in sorted(self.problems)]
            if len(lines) > NAMED:
                lines[NAMED:] = [f"and {len(lines) - NAMED} more videos that cannot be read"]
            raise StoreError(*lines)
        return [self.found[number] for number in range(len(self.video_ids))]


class WorkerDied(Exception):
    """A process is gone; the text says how it ended."""


class _Worker:
    """The parent's end of one process. given: the numbers of its videos, the one it reads first."""

    def __init__(self, job: PoolJob):
        self.given: list[int] = []
        # Whether all of its last answer was taken.
        self.is_in_step = True
        self.stores = ", ".join(printable(str(root)) for root in job.roots)
        self._process, self.connection = start_child(
            "score.pooling.pool_worker",
            one_thread=True,
            # Only remote stores need the keys of their clouds.
            whole_environment=any("://" in str(root) for root in job.roots),
        )
        self._send(job)

    def give(self, number: int, video_id: str) -> None:
        self.given.append(number)
        self._send(video_id)

    def receive(self, place: Place) -> PooledVideo:
        """The first video of `given`. Raises StoreError if the worker refused it, WorkerDied."""
        try:
            answer = self.connection.recv()
            if isinstance(answer, Refusal):
                self.given.pop(0)
                raise StoreError(answer.reason)
            self.is_in_step = False
            for rows in place(self.given[0], answer.num_segments).values():
                for chunk in byte_chunks(rows):
                    self.connection.recv_bytes_into(chunk)
        except (EOFError, ConnectionError):
            raise WorkerDied(self._death()) from None
        self.is_in_step = True
        self.given.pop(0)
        return answer

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
