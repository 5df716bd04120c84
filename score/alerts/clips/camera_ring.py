"""The last minutes of one camera in memory: JPEG pictures and segments with features, both bounded."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass

import numpy as np

from score.alerts.kept_files import ClipSettings
from score.alerts.watch_events import LiveFrame, LiveSegment

SEGMENT_BYTES = 1 << 24  # features of one camera


@dataclass(frozen=True)
class KeptPicture:
    """A frame as JPEG. seconds: of LiveFrame. width, height: in pixels, after scaling."""

    seconds: float
    jpeg: bytes
    width: int
    height: int

    def rgb(self) -> np.ndarray:
        """uint8 [H, W, 3]."""
        import cv2

        decoded = cv2.imdecode(np.frombuffer(self.jpeg, np.uint8), cv2.IMREAD_COLOR)
        assert decoded is not None
        return decoded[:, :, ::-1]


@dataclass(frozen=True)
class Moment:
    """What is known of [start, end) seconds of one camera. Both are in the order of time."""

    camera: str
    pictures: tuple[KeptPicture, ...]
    segments: tuple[LiveSegment, ...]


class CameraRing:
    """lost_until: seconds of the newest picture that was given up for newer ones, or -inf."""

    def __init__(self, camera: str, settings: ClipSettings):
        self.camera, self.settings = camera, settings
        self.bytes, self.lost_until = 0, float("-inf")
        self._pictures: deque[KeptPicture] = deque()
        self._segments: deque[LiveSegment] = deque()
        self._segment_bytes = 0

    @property
    def newest(self) -> float | None:
        """Seconds of the newest picture, None without any."""
        return self._pictures[-1].seconds if self._pictures else None

    def add_frame(self, frame: LiveFrame) -> None:
        picture = to_picture(frame, self.settings)
        self._pictures.append(picture)
        self.bytes += len(picture.jpeg)
        most = int(self.settings.ring_megabytes * 1e6)
        oldest = picture.seconds - self.settings.ring_seconds
        # The newest always stays, however large.
        while len(self._pictures) > 1 and (self.bytes > most or self._pictures[0].seconds < oldest):
            gone = self._pictures.popleft()
            self.bytes -= len(gone.jpeg)
            self.lost_until = gone.seconds

    def add_segment(self, segment: LiveSegment) -> None:
        self._segments.append(segment)
        self._segment_bytes += _size(segment)
        oldest = segment.time_span[1] - self.settings.ring_seconds
        while len(self._segments) > 1 and (
            self._segment_bytes > SEGMENT_BYTES or self._segments[0].time_span[1] < oldest
        ):
            self._segment_bytes -= _size(self._segments.popleft())

    def between(self, start: float, end: float) -> Moment:
        """The pictures in [start, end] seconds, and the segments that lie in it wholly or in part."""
        return Moment(
            self.camera,
            tuple(each for each in self._pictures if start <= each.seconds <= end),
            tuple(each for each in self._segments if each.time_span[0] < end and each.time_span[1] > start),
        )

    def nearest(self, seconds: float) -> KeptPicture | None:
        """The picture next to a time; None without any, or if those of that time are gone."""
        if not self._pictures or seconds <= self.lost_until:
            return None
        return min(self._pictures, key=lambda each: abs(each.seconds - seconds))


def to_picture(frame: LiveFrame, settings: ClipSettings) -> KeptPicture:
    """The frame as JPEG, scaled down to settings.side, with even sides as video needs them."""
    import cv2

    pixels = frame.pixels
    height, width = pixels.shape[:2]
    scale = min(1.0, settings.side / max(height, width))
    size = _even(width * scale), _even(height * scale)
    if size != (width, height):
        # Down to a half, every pixel still counts in the faster way.
        way = cv2.INTER_LINEAR if scale >= 0.5 else cv2.INTER_AREA
        pixels = cv2.resize(pixels, size, interpolation=way)
    options = [cv2.IMWRITE_JPEG_QUALITY, settings.quality]
    # In a quarter of the time that a copy of pixels[:, :, ::-1] takes.
    encoded, data = cv2.imencode(".jpg", cv2.cvtColor(pixels, cv2.COLOR_RGB2BGR), options)
    if not encoded:
        raise ValueError(f"a frame of {width}x{height} pixels cannot be encoded as JPEG")
    return KeptPicture(frame.seconds, data.tobytes(), *size)


def _even(length: float) -> int:
    return max(16, round(length / 2) * 2)  # 16: the smallest that x264 takes


def _size(segment: LiveSegment) -> int:
    return sum(rows.nbytes for rows in segment.rows)
