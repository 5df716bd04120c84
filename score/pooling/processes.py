"""Videos of large stores read and pooled by several processes; what comes out does not depend on how many."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from multiprocessing.connection import Connection, wait

import numpy as np

from extract.store import FeatureStore, StoreError
from score.pooling.pooled_video import PooledVideo, pooled_video
from score.pooling.rules import SegmentsConfig
from score.pooling.worker import Order, Refused, pieces

# a fresh interpreter: multiprocessing's spawn would import the caller's main program, and its torch
PROGRAM = """
import json, sys
sys.path[:] = json.loads(sys.argv[1])
from score.pooling.worker import main
main(int(sys.argv[2]))
"""
BYTES_A_WORKER = 1 << 28  # of files; a second's work, of which starting takes a third
UNDER_WAY = 2  # videos that a worker has been given: one to read, one to go on with
END_SECONDS = 10.0

Place = Callable[
    [int, int], dict[str, np.ndarray]
]  # place of a video in the list, N -> modality -> [T, C, D]


def choose_workers(stores: Sequence[FeatureStore], video_ids: Sequence[str]) -> int:
    """As many as there are cores, but none without enough to read; 1 is this process itself."""
    wanted = set(video_ids)
    size = sum(size for store in stores for video_id, size in store.sizes().items() if video_id in wanted)
    return max(1, min(len(os.sched_getaffinity(0)), size // BYTES_A_WORKER, len(wanted)))


def pooled_videos(
    stores: Sequence[FeatureStore],
    video_ids: Sequence[str],
    segments: SegmentsConfig,
    *,
    place: Place,
    moments: bool,
    workers: int,
) -> list[PooledVideo]:
    """Read and pool videos, each to where `place` says; returns them in the order of their ids.

    Raises what pooled_video raises, and ValueError where a process dies.
    """
    if workers == 1:
        return [
            pooled_video(
                stores, video_id, segments, place=lambda count: place(number, count), moments=moments
            )
            for number, video_id in enumerate(video_ids)
        ]
    order = Order(tuple(store.root for store in stores), segments, moments)
    found: dict[int, PooledVideo] = {}
    with ExitStack() as stack:
        running = [_Worker(order) for _ in range(workers)]
        for worker in running:
            stack.callback(worker.end)
        size = stores[0].sizes()  # the largest are read first: none should be left for the end
        waiting = sorted(enumerate(video_ids), key=lambda each: size.get(each[1], 0))
        for worker in running * UNDER_WAY:
            if waiting:
                worker.give(*waiting.pop())
        while len(found) < len(video_ids):
            busy = {worker.connection: worker for worker in running if worker.given}
            for connection in wait(list(busy)):
                number, video = busy[connection].receive(place)
                found[number] = video
                if waiting:
                    busy[connection].give(*waiting.pop())
    return [found[number] for number in range(len(video_ids))]


class _Worker:
    """One process as its parent holds it. given: (number, id) of its videos, the one that is read first."""

    def __init__(self, order: Order):
        self.given: list[tuple[int, str]] = []
        mine, theirs = socket.socketpair()
        before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})  # until the child ignores it
        try:
            self._process = subprocess.Popen(
                [sys.executable, "-c", PROGRAM, json.dumps(sys.path), str(theirs.fileno())],
                stdin=subprocess.DEVNULL,
                pass_fds=(theirs.fileno(),),
                env={**os.environ, "OMP_NUM_THREADS": "1"},
            )
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, before)
            theirs.close()
        self.connection = Connection(mine.detach())
        self._send(order)

    def give(self, number: int, video_id: str) -> None:
        self.given.append((number, video_id))
        self._send(video_id)

    def receive(self, place: Place) -> tuple[int, PooledVideo]:
        """(number, video) of the one that it has read. Raises StoreError for what it refuses."""
        number, video_id = self.given.pop(0)
        try:
            answer = self.connection.recv()
            if isinstance(answer, Refused):
                raise StoreError(answer.reason)
            for rows in place(number, answer.num_segments).values():
                for piece in pieces(rows):
                    self.connection.recv_bytes_into(piece)
        except (EOFError, ConnectionError):
            raise ValueError(
                f"a process that read {video_id} {self._death()}; fewer of them (--workers 1) need less memory"
            ) from None
        return number, answer

    def end(self) -> None:
        self.connection.close()
        self._process.kill()
        self._process.wait()

    def _send(self, message) -> None:
        try:
            self.connection.send(message)
        except ConnectionError:
            pass  # it is dead: reading its connection will say so

    def _death(self) -> str:
        try:
            status = self._process.wait(END_SECONDS)
        except subprocess.TimeoutExpired:
            return "closed its connection"
        return (
            f"was killed by {signal.Signals(-status).name}"
            if status < 0
            else f"ended with exit code {status}"
        )
