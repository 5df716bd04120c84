"""The frames of one camera that wait for the engine: few, and the newest if there is no room for all.

When it is full, all that waits is dropped and the newest frame stays: a gap now and then keeps clips of
neighbouring frames whole, where one frame left out of every few would tear them all.
"""

from __future__ import annotations

import threading
from collections import deque

from score.live.captured_frame import CapturedFrame

MOST_FRAMES = 32
MOST_BYTES = 32 << 20  # 6 frames of 1920x1080 as RGB
FEWEST_FRAMES = 2


class FrameBuffer:
    """waits: whether the camera can wait, as a file does, so that nothing is ever dropped.

    arrived: set when there is something to take. skipped: frames that were dropped.
    """

    def __init__(self, arrived: threading.Event, *, waits: bool):
        self.waits, self.skipped = waits, 0
        self._arrived = arrived
        self._frames: deque[CapturedFrame] = deque()
        self._changed = threading.Condition()
        self._closed = False

    def put(self, frame: CapturedFrame) -> None:
        """Hand on the next frame; waits for room if the camera can wait."""
        most = max(FEWEST_FRAMES, min(MOST_FRAMES, MOST_BYTES // max(frame.pixels.nbytes, 1)))
        with self._changed:
            if self.waits:
                self._changed.wait_for(lambda: len(self._frames) < most or self._closed)
            elif len(self._frames) >= most:
                self.skipped += len(self._frames)
                self._frames.clear()
            self._frames.append(frame)
        self._arrived.set()

    def take(self) -> list[CapturedFrame]:
        """All that waits, in order."""
        with self._changed:
            frames = list(self._frames)
            self._frames.clear()
            self._changed.notify_all()
        return frames

    @property
    def is_empty(self) -> bool:
        return not self._frames

    def close(self) -> None:
        """Nobody takes frames any more."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()
