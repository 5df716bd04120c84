"""What a decode pool tells its consumer.

The events of one video come in this order; those of several videos are interleaved:

    VideoOpened (FramesDecoded | SegmentsDescribed)* VideoEnded
    [VideoOpened ... VideoRestarted] VideoOpened ... VideoEnded      the second decoder starts over
    [VideoOpened ...] VideoFailed                                    drop what came so far
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np


@dataclass(frozen=True)
class VideoOpened:
    """The first frame of a video is decoded. width, height: pixels, after rotation."""

    video_id: str
    decoder: str
    fps: float
    width: int
    height: int


@dataclass(frozen=True)
class FramesDecoded:
    """Some consecutive sampled frames of one video.

    frame_index: int64 [n], native frame numbers, 0-based, ascending (repeated where resampling repeats a
    frame).
    pts_seconds: float64 [n], presentation times counted from the start of the container.
    frames: uint8 [n, H, W, 3] RGB, a view of shared memory that holds until release() is called.
    release: gives the memory back to the decoder; to be called for dropped frames too, from any thread.
    """

    video_id: str
    frame_index: np.ndarray
    pts_seconds: np.ndarray
    frames: np.ndarray
    release: Callable[[], None] = field(repr=False)


@dataclass(frozen=True)
class SegmentsDescribed:
    """Some consecutive segments of one video, described in the decode worker.

    rows: float32 [n, D]. frame_span: int64 [n, 2], native frames [start, stop). time_span: float64 [n, 2],
    seconds.
    """

    video_id: str
    rows: np.ndarray
    frame_span: np.ndarray
    time_span: np.ndarray


@dataclass(frozen=True)
class VideoRestarted:
    """Drop what came of this video so far: the next decoder starts over (VideoOpened comes again)."""

    video_id: str


@dataclass(frozen=True)
class DecodeReport:
    """What is known of a decoded video.

    num_frames: native frames, counted (for folders: those the pictures stand for).
    header_num_frames: what the container (for folders: the list) claims, None where it claims nothing.
    num_sampled: pictures after resampling to a given rate, before keep_every.
    end_seconds: the time at which the last frame ends.
    messages: lines the decoder wrote about damage; first_messages: the first few of them.
    missing_frames: pictures that a numbered folder of frames lacks.
    complete: False for a video that stops early and was kept all the same; stopped says why.
    earlier_failures: why other decoders were given up before this one.
    source: "path" below the root, "bytes", "sha256". cpu_seconds: processor time of all threads.
    """

    decoder: str
    num_frames: int
    header_num_frames: int | None
    num_sampled: int
    fps: float
    width: int
    height: int
    end_seconds: float
    messages: int
    first_messages: tuple[str, ...]
    missing_frames: int
    complete: bool
    stopped: str
    earlier_failures: tuple[str, ...]
    source: dict
    cpu_seconds: float


@dataclass(frozen=True)
class VideoEnded:
    video_id: str
    report: DecodeReport


@dataclass(frozen=True)
class VideoFailed:
    """A video that gives nothing. stage: "find", "open", "decode" or "describe". reason: one line."""

    video_id: str
    stage: str
    reason: str
    messages: tuple[str, ...] = ()
