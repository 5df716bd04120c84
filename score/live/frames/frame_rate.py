"""How many frames come, and how many of them are taken."""

from __future__ import annotations

from collections import deque

MINUTE = 60.0
SLACK = 0.1  # of the distance between two frames that are taken, by which one may be early


class RateLimit:
    """Takes at most `rate` frames per second by their own times, evenly; all of them for None."""

    def __init__(self, rate: float | None):
        self.rate = rate
        self._due: float | None = None

    def takes(self, seconds: float) -> bool:
        """Whether the frame at this time is taken; times ascend."""
        if self.rate is None:
            return True
        step = 1 / self.rate
        if self._due is not None and seconds < self._due - SLACK * step:
            return False
        # After a gap frames are not taken faster to make up for it.
        late = self._due is None or seconds - self._due > step
        self._due = (seconds if late or self._due is None else self._due) + step
        return True


class FrameRate:
    """Frames per second over the last minute."""

    def __init__(self):
        self._counts: deque[list[float]] = deque()  # [second, frames in it]

    def note(self, now: float) -> None:
        """One more frame, at a time of the monotonic clock."""
        if self._counts and self._counts[-1][0] == int(now):
            self._counts[-1][1] += 1
        else:
            self._counts.append([int(now), 1])
            while self._counts[0][0] < now - MINUTE:
                self._counts.popleft()

    def per_second(self, now: float) -> float:
        """0 before a whole second of frames."""
        known = [each for each in list(self._counts) if now - MINUTE <= each[0] < int(now)]
        if len(known) < 2:
            return known[0][1] if known else 0.0
        # The first second may have begun in the middle.
        return sum(count for _, count in known[1:]) / (int(now) - known[0][0] - 1)
