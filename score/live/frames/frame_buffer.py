"""The frames of one camera that wait for the engine: few, and the newest if there is no room for all.

When it is full, all that waits is dropped and the newest frame stays: a gap now and then keeps clips of
neighbouring frames whole, where one frame left out of every few would tear them all. Before the engine takes
frames for the first time, because its model is still being loaded, there is room for more, and the oldest go.
"""

from __future__ import annotations

import threading
from collections import deque

from score.live.frames.captured_frame import CapturedFrame

MOST_FRAMES = 32
MOST_BYTES = 32 << 20  # 5 frames of 1920x1080 as RGB
FEWEST_FRAMES = 2
START_FRAMES = 128  # 5 s at 25 frames/s, within which a watch should have begun
START_BYTES = 256 << 20  # of all cameras of an engine together, or MOST_BYTES of each if that is more


class FrameBuffer:
    """waits: whether the camera can wait, as a file does, so that nothing is ever dropped.

    arrived: set when there is something to take. start_bytes: of pixels that are kept before the first take.
    skipped: frames that were dropped.
    """

    def __init__(self, arrived: threading.Event, *, waits: bool, start_bytes: int = MOST_BYTES):
        self.waits, self.start_bytes, self.skipped = waits, start_bytes, 0
        self._arrived = arrived
        self._frames: deque[CapturedFrame] = deque()
        self._left: int | None = None  # frames that the last take left; None before the first one
        self._changed = threading.Condition()
        self._closed = False

    def put(self, frame: CapturedFrame) -> None:
        """Hand on the next frame; waits for room if the camera can wait."""
        most = _room(MOST_BYTES, MOST_FRAMES, frame)
        with self._changed:
            if self.waits:
                self._changed.wait_for(lambda: len(self._frames) < most or self._closed)
            elif self._left is None:
                self._drop(until=_room(self.start_bytes, START_FRAMES, frame) - 1)
            # What has waited since the start may still be worked off, but it must not become more.
            elif len(self._frames) >= self._left + most:
                self._drop(until=0)
                self._left = 0
            self._frames.append(frame)
        self._arrived.set()

    def take(self) -> list[CapturedFrame]:
        """What waits, in order, but no more than MOST_FRAMES: the first scores need not wait for the rest."""
        with self._changed:
            frames = [self._frames.popleft() for _ in range(min(MOST_FRAMES, len(self._frames)))]
            self._left = len(self._frames)
            self._changed.notify_all()
        if self._left:
            self._arrived.set()
        return frames

    @property
    def is_empty(self) -> bool:
        return not self._frames

    def close(self) -> None:
        """Nobody takes frames any more."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()

    def _drop(self, *, until: int) -> None:
        """Drop the oldest frames until this many are left."""
        while len(self._frames) > until:
            self._frames.popleft()
            self.skipped += 1


def _room(most_bytes: int, most_frames: int, frame: CapturedFrame) -> int:
    """How many frames of this size there is room for."""
    return max(FEWEST_FRAMES, min(most_frames, most_bytes // max(frame.pixels.nbytes, 1)))
