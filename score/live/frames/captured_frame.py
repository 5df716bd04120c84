"""One frame on its way from a camera to its score, and the run of frames that it belongs to."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field

import numpy as np

from extract.decode.open_video import DecodedFrame


@dataclass
class FrameRun:
    """Frames that belong together, like those of one recording: a connection, or a file of a folder.

    fps: frames per second. first_number: number of its first frame among those of the camera. first_seconds:
    what is added to its times to give those of the camera. begins_seconds: of its first frame, by the camera.
    after: of its Recording. num_frames, end_seconds: where it ends, by its own
    frames and times, once `ended` is set.
    """

    fps: float
    first_number: int
    first_seconds: float
    begins_seconds: float = 0.0
    after: str | None = None
    num_frames: int = 0
    end_seconds: float = 0.0
    ended: threading.Event = field(default_factory=threading.Event)

    def end(self, num_frames: int, end_seconds: float) -> None:
        """Its last frame has been handed on."""
        self.num_frames, self.end_seconds = num_frames, end_seconds
        self.ended.set()


@dataclass(frozen=True)
class CapturedFrame:
    """decoded: number and times within the run. arrived: Unix time. monotonic: the same by a clock that never
    jumps. pixels: uint8 [H, W, 3] RGB."""

    run: FrameRun
    decoded: DecodedFrame
    arrived: float
    monotonic: float
    pixels: np.ndarray

    @property
    def number(self) -> int:
        """Among the frames of the camera."""
        return self.run.first_number + self.decoded.frame_index

    @property
    def seconds(self) -> float:
        """Since the camera's first frame."""
        return self.run.first_seconds + self.decoded.pts_seconds
