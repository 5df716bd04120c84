"""Decode workers that wait for the next pool: to start one takes half a second, and a run of many shards starts many."""

from __future__ import annotations

import threading

from extract.decode.decode_settings import DecodeSettings
from extract.decode.worker_process import WorkerProcess


class IdleWorkers:
    """Idle workers, which pools of the same settings take and give back; whoever makes this closes it.

    Use it in a thread that lives as long as it does: the kernel ends workers with the thread that started them.
    """

    def __init__(self, settings: DecodeSettings):
        self.settings = settings
        self.lock = threading.Lock()  # of all pools: frames of one may be released while the next one works
        self._idle: list[WorkerProcess] = []

    def start(self, count: int) -> None:
        """Have so many start, at most settings.workers; they do while the caller does something else."""
        while len(self._idle) < min(count, self.settings.workers):
            self._idle.append(WorkerProcess(self.settings))

    def take(self) -> WorkerProcess | None:
        """A worker that lives, None when there is none; one that died while it waited is no video's fault."""
        while self._idle:
            worker = self._idle.pop()
            if worker.is_alive():
                return worker
            worker.kill()
        return None

    def keep(self, worker: WorkerProcess) -> None:
        """worker: without a job, not used up."""
        self._idle.append(worker)

    def close(self) -> None:
        with self.lock:
            idle, self._idle = self._idle, []
            for worker in idle:
                worker.kill()
