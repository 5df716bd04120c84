"""What to decode and how."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from extract.decode.decord_reader import open_decord
from extract.decode.pyav_reader import open_pyav
from extract.segments import Tiling
from extract.sound.sound_settings import Sound

MEBIBYTE = 1 << 20
ON_DAMAGE = ("accept", "salvage", "fail")
POSITIVE_INTEGERS = (
    "workers",
    "keep_every",
    "chunk_frames",
    "clip_length",
    "segment_stride",
    "shared_memory_bytes",
    "videos_per_worker",
    "worker_rss_bytes",
)


@dataclass(frozen=True)
class DecodeJob:
    """One video to decode."""

    video_id: str  # path below root without suffix
    root: Path
    num_frames: int | None = None  # according to the list; None = unknown


@dataclass(frozen=True)
class DecodeSettings:
    """How videos are decoded. Raises ValueError for impossible values."""

    # Processes; each decodes one video at a time.
    workers: int = 2
    # A worker without progress for this long is replaced.
    stall_seconds: float = 60.0
    # "accept" keeps a video that decodes to its end and fails one that stops early; "salvage" also keeps what
    # comes before the stop; "fail" fails the video on any decoder message.
    on_damage: str = "accept"
    # Resample to this many frames per second (nearest frame in time); None = every native frame.
    fps: float | None = None
    # Pass on only every k-th sampled frame.
    keep_every: int = 1
    # Pass on only the frames at which segments start that lie this far apart (extract.segments).
    keep_seconds: float | None = None
    # Most frames of one FramesDecoded event.
    chunk_frames: int = 32
    # Key of extract.descriptors.DESCRIPTORS; the worker then describes segments and sends no frames.
    descriptor: str | None = None
    # The worker then sends log-mel patches of the sound and no frames.
    sound: Sound | None = None
    # Segments of the descriptor or the sound, in sampled frames, as in extract.segments.
    clip_length: int = 16
    segment_stride: int = 16
    # Seconds from one start to the next, in place of segment_stride.
    segment_seconds: float | None = None
    tail: str = "pad"
    # Index of the video stream to read, in files with several; None = the default one, else the largest.
    stream: int | None = None
    # Shared memory per worker for frames on their way; two frames if those need more.
    shared_memory_bytes: int = 64 * MEBIBYTE
    # decord reads ahead without limit, so it only gets videos that fit into this; PyAV gets the rest.
    read_ahead_bytes: int = 512 * MEBIBYTE
    # A worker is replaced after this many videos, or when it holds more memory than this, in case a decoder
    # leaks.
    videos_per_worker: int = 200
    worker_rss_bytes: int = 1024 * MEBIBYTE
    # Decoders of video files in the order they are tried: module-level functions
    # (source, read_ahead_bytes) -> extract.decode.open_video.OpenVideo.
    readers: tuple[Callable, ...] = (open_decord, open_pyav)

    def __post_init__(self):
        for name in POSITIVE_INTEGERS:
            if not isinstance(getattr(self, name), int) or getattr(self, name) < 1:
                raise ValueError(f"{name} is {getattr(self, name)!r}, expected a whole number above 0")
        if not self.stall_seconds > 0:
            raise ValueError(f"stall_seconds is {self.stall_seconds!r}, expected a number above 0")
        if self.fps is not None and not 0 < self.fps < 1000:
            raise ValueError(f"fps is {self.fps!r}, expected frames per second, between 0 and 1000")
        for name, known in (("on_damage", ON_DAMAGE), ("tail", ("pad", "drop"))):
            if getattr(self, name) not in known:
                raise ValueError(f"{name} is {getattr(self, name)!r}, expected one of {', '.join(known)}")
        if self.segment_seconds is not None and not 0 < self.segment_seconds < math.inf:
            raise ValueError(f"segment_seconds is {self.segment_seconds!r}, expected seconds above 0")
        if self.descriptor is not None and self.keep_every != 1:
            raise ValueError(f"keep_every is {self.keep_every}, expected 1: descriptors see every frame")
        if self.sound is not None and (self.descriptor is not None or self.keep_every != 1):
            raise ValueError("sound needs keep_every 1 and excludes a descriptor")
        if not self.readers:
            raise ValueError("readers is empty, expected at least one decoder")

    def tiling(self) -> Tiling:
        """Where the segments of the next video lie, for what describes them in the worker."""
        return Tiling(
            clip_length=self.clip_length,
            frame_stride=1,
            segment_stride=self.segment_stride,
            tail=self.tail,
            segment_seconds=self.segment_seconds,
        )
