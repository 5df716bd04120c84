"""One camera of the live page: its frame, the strip of its scores, where it stands."""

from __future__ import annotations

import threading
import time
from collections import deque
from dataclasses import dataclass, field
from typing import Any

import cv2

from extract.runtime.foreign.printable import printable
from score.alerts.watch_events import CameraState, LiveFrame

MAX_POINTS = 3000  # of one camera's strip
PICTURE_SIDE = 640  # pixels of the longer side at most
PICTURE_SECONDS = 0.2  # between two pictures of a camera
QUALITY = 75


@dataclass
class LiveCamera:
    """strip: (sequence, Unix time of its last frame, score, whether it follows a gap) of each segment."""

    name: str
    place: str = ""
    state: CameraState | None = None
    frame: LiveFrame | None = None
    strip: deque[tuple[int, float, float, bool]] = field(default_factory=lambda: deque(maxlen=MAX_POINTS))
    _picture: tuple[int, float, bytes] | None = None  # number of its frame, when it was made, JPEG
    _making: threading.Lock = field(default_factory=threading.Lock)

    def jpeg(self) -> tuple[int, bytes] | None:
        """(number of its frame, the picture as JPEG), made when it is asked for; None without a frame."""
        with self._making:
            frame, made = self.frame, self._picture
            if frame is None:
                return None
            is_new = made is None or (
                made[0] != frame.number and time.monotonic() - made[1] >= PICTURE_SECONDS
            )
            if made is None or is_new:
                made = self._picture = (frame.number, time.monotonic(), _jpeg(frame))
            return made[0], made[2]

    def shown(self, threshold: float | None, *, after: int, since: float) -> dict[str, Any]:
        """Plain values for the page, with the points of the strip after a sequence and since a Unix time."""
        state, frame, points = self.state, self.frame, self.strip
        return {
            "name": printable(self.name),
            "place": printable(self.place),
            "threshold": threshold,
            "connection": "connecting" if state is None else state.connection,
            "detail": "" if state is None else printable(state.detail),
            "fps": None if state is None else round(state.fps, 1),
            "scored_fps": None if state is None else round(state.scored_fps, 1),
            "skipped": 0 if state is None else state.skipped,
            "frames": 0 if state is None else state.frames,
            "latency": None
            if state is None or state.latency is None
            else [round(each, 3) for each in state.latency],
            "frame": None if frame is None else frame.number,
            "score": round(points[-1][2], 4) if points else None,
            "points": [
                [round(when, 3), round(score, 4), restarted]
                for sequence, when, score, restarted in points
                if sequence > after and when >= since
            ],
        }


def _jpeg(frame: LiveFrame) -> bytes:
    height, width = frame.pixels.shape[:2]
    scale = min(1.0, PICTURE_SIDE / max(height, width))
    pixels = frame.pixels
    if scale < 1:
        size = (max(1, round(width * scale)), max(1, round(height * scale)))
        pixels = cv2.resize(pixels, size, interpolation=cv2.INTER_AREA)
    encoded = cv2.imencode(
        ".jpg", cv2.cvtColor(pixels, cv2.COLOR_RGB2BGR), [cv2.IMWRITE_JPEG_QUALITY, QUALITY]
    )
    return encoded[1].tobytes()
