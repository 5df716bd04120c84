"""The cameras of one engine, which may be opened before its model is loaded: frames wait for it meanwhile."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence

from score.live.camera import Camera
from score.live.frames.capture import Capture
from score.live.frames.frame_buffer import MOST_BYTES, START_BYTES


class Captures:
    """One Capture per camera, from `start` until `close`. arrived: set when one of them has something new."""

    def __init__(self, cameras: Sequence[Camera]):
        self.arrived = threading.Event()
        share = max(MOST_BYTES, START_BYTES // max(len(cameras), 1))
        self._captures = [Capture(camera, self.arrived, start_bytes=share) for camera in cameras]
        self._started = False

    def __iter__(self) -> Iterator[Capture]:
        return iter(self._captures)

    def start(self) -> None:
        """Open the cameras, unless they are open."""
        # Imported by this thread, because those of the cameras must not import while this one imports torch.
        import av  # noqa: F401

        if not self._started:
            self._started = True
            for capture in self._captures:
                capture.start()

    def close(self) -> None:
        """Close the cameras; a source that blocks is left behind."""
        for capture in self._captures:
            capture.close()
