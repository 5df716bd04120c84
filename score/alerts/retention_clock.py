"""How old files are, whatever the system's clock does: a clock that jumps must not remove anything early."""

from __future__ import annotations

import time
from collections.abc import Callable

BELIEVED_SECONDS = 86_400.0  # that a step forward must have lasted before it ages anything
STEP_SECONDS = 60.0  # smaller differences are corrections of an honest clock


def since_boot() -> float:
    """Seconds that nobody sets, time asleep included where the system counts it."""
    clock = getattr(time, "CLOCK_BOOTTIME", None)
    return time.monotonic() if clock is None else time.clock_gettime(clock)


class RetentionClock:
    """wall: Unix time, which may jump. steady: seconds, which may not.

    The age of what this process stamped follows from steady alone. For all else, a step back of the wall
    clock counts at once, and one forward only after it has lasted.
    """

    def __init__(self, wall: Callable[[], float] = time.time, steady: Callable[[], float] = since_boot):
        self._wall, self._steady = wall, steady
        self._stamped: dict[str, float] = {}
        self._believed = wall() - steady()  # Unix time at the start of the steady clock
        self._step: tuple[float, float] | None = None  # (the same as a step has it, since when)

    def stamp(self, name: str) -> float:
        """Note that something begins to age; the Unix time for its record."""
        self._stamped.setdefault(name, self._steady())
        return self._wall()

    def age(self, name: str, when: float) -> float:
        """Seconds since it began. when: the Unix time of its record."""
        if name in self._stamped:
            return self._steady() - self._stamped[name]
        return self._steady() + self._start() - when

    def corrected(self, name: str, when: float) -> float:
        """The Unix time for its record by the wall clock as it is now."""
        if name not in self._stamped:
            return when
        own = self._wall() - self._steady() + self._stamped[name]
        return own if abs(own - when) > STEP_SECONDS else when

    def steady(self) -> float:
        """Seconds that no clock jumps in."""
        return self._steady()

    def forget(self, name: str) -> None:
        self._stamped.pop(name, None)

    def _start(self) -> float:
        now = self._steady()
        start = self._wall() - now
        if start <= self._believed + STEP_SECONDS:
            self._believed, self._step = start, None
        elif self._step is None or abs(self._step[0] - start) > STEP_SECONDS:
            self._step = start, now
        elif now - self._step[1] >= BELIEVED_SECONDS:
            self._believed, self._step = start, None
        return self._believed
