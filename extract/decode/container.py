"""What a container claims about its video before anything is decoded; read through PyAV for every decoder."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from extract.decode.open_video import NOMINAL_FPS, DecodedFrame, OpenVideo, ReadError

MICROSECONDS = 1_000_000  # unit of times that belong to the container rather than to a stream
LOCAL_FILES = {"protocol_whitelist": "file"}  # a playlist disguised as .mp4 must not open network addresses


@dataclass(frozen=True)
class Header:
    """Claims of a container."""

    fps: float
    width: int  # pixels, before rotation
    height: int
    num_frames: int | None
    seconds: float | None
    start_seconds: float  # earliest time of any stream, which players show as zero
    stream_start_seconds: float  # earliest time of the video stream


def open_container(path: Path):
    """An av container of a local file; decoder messages of level error and above go to file descriptor 2."""
    import av
    import av.logging

    # FFmpeg's own callback writes to descriptor 2, where DecoderMessages counts; PyAV's would log in Python.
    av.logging.set_level(av.logging.ERROR)
    av.logging.restore_default_callback()
    # Tags in a broken text encoding are not a reason to reject a video.
    return av.open(str(path), options=LOCAL_FILES, metadata_errors="ignore")


def video_stream(container):
    """The first video stream that is not a cover image. Raises ReadError if there is none."""
    from av.stream import Disposition

    for stream in container.streams.video:
        if not stream.disposition & Disposition.attached_pic:
            return stream
    kinds = ", ".join(sorted({stream.type for stream in container.streams})) or "nothing"
    raise ReadError(f"has no video stream, only {kinds}")


def read_header(container) -> Header:
    """The claims of an open av container about its video stream. Raises ReadError without such a stream."""
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


def to_open_video(decoder: str, header: Header, frames: Iterator[DecodedFrame]) -> OpenVideo:
    """The open video of a decoder. Decodes the first frame; raises ReadError if there is none."""
    first = next(frames, None)
    if first is None:
        raise ReadError("has a video stream without a single frame")
    # Not the size in the header, which is the one before rotation.
    height, width = first.rgb().shape[:2]
    return OpenVideo(
        decoder=decoder,
        fps=header.fps,
        width=width,
        height=height,
        frames=itertools.chain([first], frames),
        header_num_frames=header.num_frames,
        header_seconds=header.seconds,
    )


def _stream_seconds(container, stream) -> float | None:
    """Duration of the video stream; None if the only known duration may belong to another stream."""
    if stream.duration is not None and stream.time_base:
        return float(stream.duration * stream.time_base)
    # Matroska states the duration of a stream in a text tag.
    if clock := re.fullmatch(r"(\d+):(\d\d):(\d\d(?:\.\d*)?)", stream.metadata.get("DURATION", "")):
        return int(clock[1]) * 3600 + int(clock[2]) * 60 + float(clock[3])
    if container.duration is not None and len(container.streams) == 1:
        return container.duration / MICROSECONDS
    return None
