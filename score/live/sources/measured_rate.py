"""The rate at which the frames of a stream really come, which its header may not know."""

from __future__ import annotations

from collections import deque

FRAMES = 48  # over which a rate is measured; a burst of the network is shorter
APART = 1.3  # a rate this many times another one is another rate


class MeasuredRate:
    """fps: the rate that counts, by the header, until the times of frames contradict it."""

    def __init__(self, fps: float):
        self.fps = fps
        self.has_changed = False
        self._times: deque[float] = deque(maxlen=FRAMES + 1)

    def note(self, seconds: float) -> None:
        """The presentation time of the next frame."""
        self._times.append(seconds)
        if (measured := self.measured) is not None:
            self.has_changed = not 1 / APART < measured / self.fps < APART

    @property
    def measured(self) -> float | None:
        """Frames per second by the median distance; None before there are enough frames."""
        if len(self._times) <= FRAMES:
            return None
        times = list(self._times)
        waits = sorted(after - before for before, after in zip(times[:-1], times[1:], strict=True))
        return 1 / max(waits[len(waits) // 2], 1e-3)
