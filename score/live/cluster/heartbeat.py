"""How long an actor may be silent before it counts as hung: from how late its answers were lately."""

from __future__ import annotations

from collections import deque

LEAST_SECONDS, MOST_SECONDS = 2.5, 6.0
FEW = 20  # answers, before which it is not known how late they are
TIMES = 8.0  # the latest answer of the last minute
MINUTE = 60.0
LONGEST_LOOK = 0.5  # of the time between two looks that counts as silence
STILL_SECONDS = 30.0  # without work of its engine, although it answers


class Heartbeat:
    """The silence of one actor that is asked again after every answer.

    Answers come within a fraction of a second, so the least limit is ample on an idle machine. On a slow one
    answers are late long before an actor is silent for seconds, and the limit rises with them; never above
    MOST_SECONDS, because a camera must play elsewhere within ten seconds. A new actor has that much.
    Only time in which the driver itself looked counts: one that got no processor for a while blames nobody.
    """

    def __init__(self) -> None:
        self.silence, self._answers = 0.0, 0
        self._late: deque[tuple[float, float]] = deque()  # (when, seconds), of which no later one is longer

    def looked(self, seconds: float) -> None:
        """There was no answer. seconds: since the last look."""
        self.silence += min(seconds, LONGEST_LOOK)

    def answered(self, now: float, late: float) -> None:
        """late: seconds that the answer took longer than the actor waited for something to report."""
        self.silence, self._answers = 0.0, self._answers + 1
        while self._late and self._late[-1][1] <= late:
            self._late.pop()
        self._late.append((now, late))
        while self._late[0][0] < now - MINUTE:
            self._late.popleft()

    @property
    def limit(self) -> float:
        """Seconds of silence."""
        if self._answers < FEW:
            return MOST_SECONDS
        latest = self._late[0][1]
        return min(MOST_SECONDS, max(LEAST_SECONDS, TIMES * latest))

    @property
    def is_hung(self) -> bool:
        return self.silence > self.limit
