"""A side of a comparison in its own process: it does not share the other's memory, settings or threads."""

from __future__ import annotations

import multiprocessing
import time
import traceback
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from multiprocessing.connection import Connection
from statistics import mean

from scripts.benchmarks.harness.rounds import CORES


class Side:
    """Builds factory(*arguments) in a fresh process and calls its methods there, one at a time."""

    def __init__(self, factory: Callable, *arguments):
        context = multiprocessing.get_context("spawn")
        self._connection, theirs = context.Pipe()
        self._process = context.Process(target=_serve, args=(theirs, factory, arguments), daemon=False)
        self._process.start()
        theirs.close()
        self._answer()

    def __enter__(self) -> Side:
        return self

    def __exit__(self, *exception) -> None:
        self.close()

    @property
    def process_id(self) -> int:
        assert self._process.pid is not None  # it has started
        return self._process.pid

    def call(self, method: str, *arguments):
        """What the method returns."""
        self._connection.send((method, arguments))
        return self._answer()

    def close(self) -> None:
        if self._process.is_alive():
            self._connection.close()  # ends the loop of the other side
            self._process.join(10)
        if self._process.is_alive():
            self._process.kill()
            self._process.join()

    def _answer(self):
        failure, value = self._connection.recv()
        if failure:
            raise RuntimeError(failure)
        return value


class OnEveryCore:
    """The same side once per core, all at work at once: cores share caches, and some are two threads of one
    core."""

    def __init__(self, factory: Callable, *arguments):
        self.sides = [Side(factory, *arguments) for _ in range(CORES)]

    def __enter__(self) -> OnEveryCore:
        return self

    def __exit__(self, *exception) -> None:
        for side in self.sides:
            side.close()

    def call(self, method: str, *arguments) -> float:
        """The mean of what the methods return."""
        with ThreadPoolExecutor(len(self.sides)) as threads:
            return mean(threads.map(lambda side: side.call(method, *arguments), self.sides))


def _serve(connection: Connection, factory: Callable, arguments: tuple) -> None:
    try:
        target = factory(*arguments)
        connection.send((None, None))
    except Exception:
        connection.send((traceback.format_exc(), None))
        return
    while True:
        try:
            method, arguments = connection.recv()
        except EOFError:
            return
        try:
            connection.send((None, getattr(target, method)(*arguments)))
        except Exception:
            connection.send((traceback.format_exc(), None))


def seconds(work: Callable[[], object], clock: Callable[[], float] = time.perf_counter) -> float:
    begun = clock()
    work()
    return clock() - begun
