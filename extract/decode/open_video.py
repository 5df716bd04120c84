"""What a reader gives: an opened video and its pictures, one after the other."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np

NOMINAL_FPS = 25.0  # where nothing says how fast pictures follow each other


class ReadError(Exception):
    """A reader cannot go on with this video; the text is one line for a person."""


@dataclass(frozen=True)
class DecodedFrame:
    """One frame; rgb() converts it to uint8 [H, W, 3], only when it is wanted.

    frame_index, frame_stop: the native frames [index, stop) that it stands for, 0-based.
    """

    frame_index: int
    frame_stop: int
    pts_seconds: float
    end_seconds: float
    rgb: Callable[[], np.ndarray]


@dataclass(frozen=True)
class OpenVideo:
    """A video whose first picture is decoded.

    frames: in order of presentation; raises any exception where the video cannot be read further.
    frame_step: native frames from one picture to the next (a folder may hold every tenth frame only).
    header_num_frames, header_seconds: what the container (or the list, for folders) claims; None = nothing.
    """

    decoder: str
    fps: float
    width: int
    height: int
    frames: Iterator[DecodedFrame]
    header_num_frames: int | None = None
    header_seconds: float | None = None
    frame_step: int = 1
    missing_frames: int = 0

    @property
    def frame_bytes(self) -> int:
        return self.width * self.height * 3

    def shortfall(self, num_frames: int, end_seconds: float) -> str:
        """Why num_frames native frames that end at end_seconds are clearly too few; "" when they are not.

        Time decides where the container gives a duration, because counts in headers are unreliable (edit
        lists, interlaced streams, dropped frames), and it is short only if clock and count agree that it is
        (clocks of joined streams jump). 2 % and half a second are allowed for.
        """
        if self.header_seconds is not None:
            if max(end_seconds, num_frames / self.fps) < 0.98 * self.header_seconds - 0.5:
                return f"{num_frames} frames end at {end_seconds:.1f} s of {self.header_seconds:.1f} s"
        elif self.header_num_frames is not None:
            if num_frames < math.floor(0.98 * self.header_num_frames) - 2 * self.frame_step:
                return f"{num_frames} frames, expected {self.header_num_frames}"
        return ""
