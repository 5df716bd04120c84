"""What to decode and how."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from extract.decode.decord_reader import open_decord
from extract.decode.pyav_reader import open_pyav

MEBIBYTE = 1 << 20
ON_DAMAGE = ("accept", "salvage", "fail")


@dataclass(frozen=True)
class DecodeJob:
    """One video; video_id: path below root without suffix; num_frames: what the list says, None = nothing."""

    video_id: str
    root: Path
    num_frames: int | None = None


@dataclass(frozen=True)
class DecodeSettings:
    """How videos are decoded.

    workers: processes, one video each at a time. stall_seconds: a worker without progress for so long is
    replaced.
    on_damage: "accept" keeps a video that decodes to its end and fails one that stops early; "salvage" keeps
    also what comes before the stop; "fail" refuses any message of the decoder.
    fps: resample to this rate (nearest frame in time), None = every native frame.
    keep_every: send only every k-th sampled frame. chunk_frames: most frames of one FramesDecoded.
    descriptor: key of extract.descriptors.DESCRIPTORS; then segments are described in the worker and no
    frames sent, with clip_length, segment_stride (in sampled frames) and tail ("pad" or "drop") as in
    extract.segments.
    shared_memory_bytes: shared memory of one worker for frames on their way (two frames where that is more).
    read_ahead_bytes: decord decodes ahead without bound, so it gets only videos that fit in this; PyAV the
    rest.
    videos_per_worker, worker_rss_bytes: a worker is replaced after so many videos, or when it holds more
    memory.
    readers: the decoders of video files in the order they are tried, module-level functions
    (source, read_ahead_bytes) -> extract.decode.open_video.OpenVideo.
    """

    workers: int = 2
    stall_seconds: float = 60.0
    on_damage: str = "accept"
    fps: float | None = None
    keep_every: int = 1
    chunk_frames: int = 32
    descriptor: str | None = None
    clip_length: int = 16
    segment_stride: int = 16
    tail: str = "pad"
    shared_memory_bytes: int = 64 * MEBIBYTE
    read_ahead_bytes: int = 512 * MEBIBYTE
    videos_per_worker: int = 200
    worker_rss_bytes: int = 1024 * MEBIBYTE
    readers: tuple[Callable, ...] = (open_decord, open_pyav)

    def __post_init__(self):
        whole = (
            "workers",
            "keep_every",
            "chunk_frames",
            "clip_length",
            "segment_stride",
            "shared_memory_bytes",
            "videos_per_worker",
            "worker_rss_bytes",
        )
        for name in whole:
            if not isinstance(getattr(self, name), int) or getattr(self, name) < 1:
                raise ValueError(f"{name} is {getattr(self, name)!r}, expected a whole number above 0")
        if not self.stall_seconds > 0:
            raise ValueError(f"stall_seconds is {self.stall_seconds!r}, expected a number above 0")
        if self.fps is not None and not 0 < self.fps < 1000:
            raise ValueError(f"fps is {self.fps!r}, expected frames a second, between 0 and 1000")
        for name, known in (("on_damage", ON_DAMAGE), ("tail", ("pad", "drop"))):
            if getattr(self, name) not in known:
                raise ValueError(f"{name} is {getattr(self, name)!r}, expected one of {', '.join(known)}")
        if self.descriptor is not None and self.keep_every != 1:
            raise ValueError(f"keep_every is {self.keep_every}, expected 1: descriptors see every frame")
        if not self.readers:
            raise ValueError("readers is empty, expected at least one decoder")
