"""Which frames become pictures: a number per second and camera, and as many as memory has space for."""

from __future__ import annotations

import threading

from score.alerts.watch_events import LiveFrame

FRAME_BYTES = 64_000_000  # of raw frames that wait to become pictures; newer ones are left out then


class FrameIntake:
    """fps: frames per second of a camera at most. left_out: frames that found no space."""

    def __init__(self, fps: float):
        self.left_out = 0
        self._apart = 1.0 / fps
        self._last: dict[str, float] = {}  # camera -> seconds of the frame that was wanted last
        self._waiting_bytes, self._lock = 0, threading.Lock()
        self._said = 0

    def take(self, frame: LiveFrame) -> bool:
        """Whether the frame is kept; `done` is called for it later then."""
        # Half of a thousandth: frames at exactly that rate are all kept, although their times are rounded.
        if frame.seconds - self._last.get(frame.camera, float("-inf")) < self._apart - 0.0005:
            return False
        self._last[frame.camera] = frame.seconds
        with self._lock:
            if self._waiting_bytes + frame.pixels.nbytes > FRAME_BYTES and self._waiting_bytes:
                self.left_out += 1
                return False
            self._waiting_bytes += frame.pixels.nbytes
        return True

    def done(self, frame: LiveFrame) -> None:
        """It waits no longer."""
        with self._lock:
            self._waiting_bytes -= frame.pixels.nbytes

    def news(self) -> str:
        """One line if frames were left out since the last call, else ""."""
        if self.left_out == self._said:
            return ""
        self._said = self.left_out
        return (
            f"clips lack {self.left_out} frames so far, which came faster than this machine makes pictures; "
            "--set clip.fps=5 or a smaller clip.side needs less"
        )
