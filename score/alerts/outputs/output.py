"""What an output is, and the bounded queue with a thread that most have."""

from __future__ import annotations

import collections
import logging
import threading
import time
from typing import Generic, Protocol, TypeVar

from extract.runtime.foreign.printable import printable
from score.alerts.alert_event import AlertEvent

MOST_WAITING = 10_000  # events; the oldest of any more are given up and counted
T = TypeVar("T")
log = logging.getLogger(__name__)


class Output(Protocol):
    """Takes events in the order in which they happened. No method raises, and send does not wait.

    name: for metrics and messages, such as "webhook". delivered, failed: how many events arrived, and how
    many were given up. problem: why the last one did not arrive, one line without addresses, or "".
    """

    @property
    def name(self) -> str: ...

    @property
    def delivered(self) -> int: ...

    @property
    def failed(self) -> int: ...

    @property
    def problem(self) -> str: ...

    def send(self, event: AlertEvent, /) -> None: ...

    def close(self, seconds: float, /) -> None:
        """Deliver what waits, for so long at most."""
        ...


class QueueThread(Generic[T]):
    """A thread that takes what is put, in order. deliver: of the subclass; may wait, and may raise.

    is_final: False where what was delivered only waits elsewhere; the subclass calls `arrived` then.
    """

    is_final = True

    def __init__(self, name: str, *, most: int = MOST_WAITING):
        self.name, self.delivered, self.failed, self.problem = name, 0, 0, ""
        self._most, self._ending, self._busy = most, False, False
        self._waiting: collections.deque[T] = collections.deque()
        self._changed = threading.Condition()
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)
        self._thread.start()

    def put(self, item: T) -> None:
        with self._changed:
            if len(self._waiting) >= self._most:
                self._waiting.popleft()
                self.fail(f"an event was given up, because {self._most} newer ones wait")
            self._waiting.append(item)
            self._changed.notify_all()

    def deliver(self, item: T) -> None:
        raise NotImplementedError

    def fail(self, problem: str) -> None:
        with self._changed:
            self.failed, self.problem = self.failed + 1, problem
        log.warning("%s: %s", self.name, printable(problem))

    def arrived(self) -> None:
        """One more is delivered."""
        with self._changed:
            self.delivered, self.problem = self.delivered + 1, ""

    def close(self, seconds: float) -> None:
        """Deliver what waits, for so long at most."""
        limit = time.monotonic() + seconds
        with self._changed:
            self._ending = True
            self._changed.notify_all()
        self._thread.join(max(0.0, limit - time.monotonic()))

    def _run(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._waiting or self._ending)
                if not self._waiting:
                    return
                item = self._waiting.popleft()
            try:
                self.deliver(item)
            except Exception as error:
                # The thread must survive for later events. Texts of libraries may hold addresses.
                self.fail(getattr(error, "strerror", None) or type(error).__name__)
            else:
                if self.is_final:
                    self.arrived()
