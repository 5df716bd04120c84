"""Latencies of the last minute: median, 95th percentile and the latest."""

from __future__ import annotations

import time
from collections import deque

import numpy as np

MINUTE = 60.0
MOST = 4096  # scores of a minute that are looked at


class Latencies:
    """All times in seconds."""

    def __init__(self):
        self._known: deque[tuple[float, float]] = deque(maxlen=MOST)

    def add(self, seconds: float) -> None:
        self._known.append((time.monotonic(), seconds))

    @property
    def values(self) -> list[float]:
        """Those of the last minute, in order."""
        now = time.monotonic()
        while self._known and self._known[0][0] < now - MINUTE:
            self._known.popleft()
        return [seconds for _, seconds in self._known]

    def summary(self) -> tuple[float, float, float] | None:
        """(median, 95th percentile, latest); None without any in the last minute."""
        if not (values := self.values):
            return None
        middle, high = np.percentile(values, [50, 95])
        return float(middle), float(high), values[-1]
