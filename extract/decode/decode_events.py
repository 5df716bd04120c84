"""Events that a decode pool reports to its consumer.

The events of one video come in this order; those of several videos are interleaved:

    VideoOpened (FramesDecoded | SegmentsDescribed)* VideoEnded
    [VideoOpened ... VideoRestarted] VideoOpened ... VideoEnded      the second decoder starts over
    [VideoOpened ...] VideoFailed                                    discard everything received so far
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np


@dataclass(frozen=True)
class VideoOpened:
    """The first frame of a video is decoded."""

    video_id: str
    decoder: str
    fps: float
    width: int  # pixels, after rotation
    height: int


@dataclass(frozen=True)
class FramesDecoded:
    """Consecutive sampled frames of one video.

    frame_index: int64 [n], native frame numbers, 0-based, ascending (repeated where resampling repeats a
        frame).
    pts_seconds: float64 [n], presentation times counted from the start of the container.
    frames: uint8 [n, H, W, 3] RGB, a view of shared memory that stays valid until release() is called.
    release: returns the memory to the decoder. Call it for frames that are not used too; any thread may.
    """

    video_id: str
    frame_index: np.ndarray
    pts_seconds: np.ndarray
    frames: np.ndarray
    release: Callable[[], None] = field(repr=False)


@dataclass(frozen=True)
class SegmentsDescribed:
    """Consecutive segments of one video, described in the decode worker.

    rows: float32, one row per segment: [n, D] of a descriptor, [n, ...] of one that makes maps, or a patch of
        the sound, NaN where there is none.
    frame_span: int64 [n, 2], native frames [start, stop).
    time_span: float64 [n, 2], seconds.
    """

    video_id: str
    rows: np.ndarray
    frame_span: np.ndarray
    time_span: np.ndarray


@dataclass(frozen=True)
class VideoRestarted:
    """Discard what this video sent so far: the next decoder starts over with another VideoOpened."""

    video_id: str


@dataclass(frozen=True)
class DecodeReport:
    """What is known about a decoded video."""

    decoder: str
    num_frames: int  # native frames, counted; for a folder, those its images stand for
    header_num_frames: int | None  # claim of the container (for a folder: of the list); None = no claim
    num_sampled: int  # frames after resampling, before keep_every
    fps: float
    width: int
    height: int
    end_seconds: float  # when the last frame ends
    messages: int  # lines about damage that the decoder wrote
    first_messages: tuple[str, ...]
    missing_frames: int  # images missing from a numbered folder
    complete: bool  # False for a video that stops early but was kept anyway
    stopped: str  # why it stops early, "" if complete
    earlier_failures: tuple[str, ...]  # why the previous decoders gave up
    source: dict  # "path" below the root, "bytes", "sha256"
    cpu_seconds: float  # processor time of all threads
    clock: str = ""  # what was repaired in the container's times, "" if nothing
    stream: int | None = None  # index of the video stream that was read; None for a folder
    other_streams: tuple[int, ...] = ()  # video streams that were not
    sound: dict | None = None  # of extract.decode.sound.SoundSink.record(); None if it was not asked for


@dataclass(frozen=True)
class VideoEnded:
    """All data of a video has been sent."""

    video_id: str
    report: DecodeReport


@dataclass(frozen=True)
class VideoFailed:
    """A video that yields nothing."""

    video_id: str
    stage: str  # "find", "open", "decode" or "describe"
    reason: str  # one line
    messages: tuple[str, ...] = ()  # the decoder's last lines


DecodeEvent = VideoOpened | FramesDecoded | SegmentsDescribed | VideoRestarted | VideoEnded | VideoFailed
