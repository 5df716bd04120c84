"""Decode workers that wait for the next pool.

Starting one takes half a second, and a run over many shards opens many pools.
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator

from extract.decode.decode_settings import DecodeSettings
from extract.decode.worker_process import WorkerProcess

# Started before anybody knew what to decode; see worker_in_waiting.
_waiting: list[WorkerProcess] = []


@contextlib.contextmanager
def worker_in_waiting() -> Iterator[None]:
    """Inside, a decode worker starts in the background, and the first IdleWorkers that starts one takes it.

    For commands that import torch before they can know the settings of their workers.
    """
    worker = WorkerProcess()
    _waiting.append(worker)
    try:
        yield
    finally:
        if worker in _waiting:
            _waiting.remove(worker)
            worker.kill()


class IdleWorkers:
    """Idle workers that pools with the same settings take and return; whoever creates this closes it.

    Create it in a thread that lives as long as it does: the kernel kills workers together with the thread
    that started them.
    """

    def __init__(self, settings: DecodeSettings):
        self.settings = settings
        self.lock = threading.Lock()  # shared by all pools: frames of one may be released during the next
        self._idle: list[WorkerProcess] = []

    def start(self, count: int) -> None:
        """Start workers until `count` are idle, at most settings.workers; they start in the background."""
        while len(self._idle) < min(count, self.settings.workers):
            self._idle.append(self._new_worker())

    def _new_worker(self) -> WorkerProcess:
        if _waiting and _waiting[-1].is_alive():
            worker = _waiting.pop()
            worker.configure(self.settings)
            return worker
        return WorkerProcess(self.settings)

    def take(self) -> WorkerProcess | None:
        """A live worker, None if there is none. One that died while idle is not held against any video."""
        while self._idle:
            worker = self._idle.pop()
            if worker.is_alive():
                return worker
            worker.kill()
        return None

    def keep(self, worker: WorkerProcess) -> None:
        """Keep a worker that has no job and is not used up."""
        self._idle.append(worker)

    def close(self) -> None:
        """Kill every idle worker."""
        with self.lock:
            idle, self._idle = self._idle, []
            for worker in idle:
                worker.kill()
