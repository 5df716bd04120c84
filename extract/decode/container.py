"""What a container says of its video before anything is decoded; asked through PyAV for every decoder."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from extract.decode.open_video import NOMINAL_FPS, ReadError

MICROSECONDS = 1_000_000  # unit of a container's own times
LOCAL_FILES = {"protocol_whitelist": "file"}  # a playlist that calls itself .mp4 must not open addresses


@dataclass(frozen=True)
class Header:
    """Claims of a container. start_seconds: first time of any stream, where players put zero.

    stream_start_seconds: first time of the video stream; width, height: before rotation.
    """

    fps: float
    width: int
    height: int
    num_frames: int | None
    seconds: float | None
    start_seconds: float
    stream_start_seconds: float


def open_container(path: Path):
    """An av container on a local file; decoder messages of level error and worse go to file descriptor 2."""
    import av

    av.logging.set_level(av.logging.ERROR)
    av.logging.restore_default_callback()
    return av.open(str(path), options=LOCAL_FILES, metadata_errors="ignore")


def video_stream(container):
    """The first video stream that is not a cover picture; ReadError when there is none."""
    from av.stream import Disposition

    for stream in container.streams.video:
        if not stream.disposition & Disposition.attached_pic:
            return stream
    kinds = ", ".join(sorted({stream.type for stream in container.streams})) or "nothing"
    raise ReadError(f"has no video stream, only {kinds}")


def read_header(container) -> Header:
    stream = video_stream(container)
    rate = stream.average_rate or stream.guessed_rate
    start = stream_start = (container.start_time or 0) / MICROSECONDS
    if stream.start_time is not None:
        stream_start = float(stream.start_time * stream.time_base)
    return Header(
        fps=float(rate) if rate else NOMINAL_FPS,
        width=stream.codec_context.width,
        height=stream.codec_context.height,
        num_frames=stream.frames or None,
        seconds=_stream_seconds(container, stream),
        start_seconds=start,
        stream_start_seconds=stream_start,
    )


def _stream_seconds(container, stream) -> float | None:
    """How long the video stream lasts; None where the duration may be that of another stream."""
    if stream.duration is not None and stream.time_base:
        return float(stream.duration * stream.time_base)
    if clock := re.fullmatch(r"(\d+):(\d\d):(\d\d(?:\.\d*)?)", stream.metadata.get("DURATION", "")):
        return int(clock[1]) * 3600 + int(clock[2]) * 60 + float(clock[3])  # how Matroska says it
    if container.duration is not None and len(container.streams) == 1:
        return container.duration / MICROSECONDS
    return None
