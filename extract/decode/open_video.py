"""What a reader returns: an open video and its frames, one by one."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np

from extract.decode.readers.clock import Clock

NOMINAL_FPS = 25.0  # where nothing states the frame rate


class ReadError(Exception):
    """A reader cannot continue with this video; the message is a single line for the user."""


@dataclass(frozen=True)
class DecodedFrame:
    """One decoded frame that is converted to RGB on demand.

    frame_index, frame_stop: the native frames [index, stop) that it stands for, 0-based.
    rgb: converts to uint8 [H, W, 3]; frames that sampling skips never pay for it.
    """

    frame_index: int
    frame_stop: int
    pts_seconds: float
    end_seconds: float
    rgb: Callable[[], np.ndarray]


@dataclass(frozen=True)
class OpenVideo:
    """A video whose first frame has been decoded.

    frames: in presentation order; iteration raises any exception if the rest cannot be read.
    header_num_frames, header_seconds: what the container (or the list, for folders) claims; None = nothing.
    frame_step: native frames from one image to the next (a folder may hold only every tenth frame).
    clock: checks the times of the frames as they are read; None for folders, which have none.
    stream, other_streams: indices of the video stream that is read and of those that are not.
    cut_off: why the file's own header says that its end is missing, "" if it does not.
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
    clock: Clock | None = None
    stream: int | None = None
    other_streams: tuple[int, ...] = ()
    cut_off: Callable[[], str] = lambda: ""

    @property
    def frame_bytes(self) -> int:
        """Bytes of one frame as uint8 RGB."""
        return self.width * self.height * 3

    def shortfall(self, num_frames: int, end_seconds: float) -> str:
        """Why num_frames native frames that end at end_seconds are clearly too few; "" if they are not.

        The duration decides if the container states one, because frame counts in headers are unreliable
        (edit lists, interlaced streams, dropped frames). The video is short only if both time and count say
        so, since the clock of concatenated streams jumps. 2 % and half a second are tolerated, but not a
        single frame of a file that has fewer bytes than it states. A file that states neither duration nor
        count is short if it has fewer bytes.
        """
        if self.header_seconds is not None:
            stated_end = end_seconds if self.clock is None else max(end_seconds, self.clock.last_raw)
            end, stated = max(stated_end, num_frames / self.fps), self.header_seconds
            ends = f"{num_frames} frames end at {end_seconds:.1f} s of {stated:.1f} s"
            if end < 0.98 * stated - 0.5:
                return ends
            if end < stated - 0.5 / self.fps and (reason := self.cut_off()):
                return f"{ends}, and {reason}"
        elif self.header_num_frames is not None:
            if num_frames < math.floor(0.98 * self.header_num_frames) - 2 * self.frame_step:
                return f"{num_frames} frames, expected {self.header_num_frames}"
        else:
            return self.cut_off()
        return ""
