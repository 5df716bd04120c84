"""What a container claims about its video before anything is decoded; read through PyAV for every decoder."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from extract.decode.open_video import NOMINAL_FPS, DecodedFrame, OpenVideo, ReadError
from extract.runtime.foreign.foreign_error import ForeignFileError
from extract.runtime.foreign.pictures import MOST_PIXELS
from extract.runtime.foreign.regular_file import open_regular

MICROSECONDS = 1_000_000  # unit of times that belong to the container rather than to a stream
# Formats that hold their video themselves. Playlists and scripts, which lead to other files or addresses, are
# recognised under any suffix, so they are not among these.
CONTAINERS = (
    *("asf", "avi", "dhav", "dv", "flv", "gif", "h261", "h263", "h264", "hevc", "ivf", "live_flv", "m4v"),
    *("matroska", "mjpeg", "mjpeg_2000", "mov", "mpeg", "mpegts", "mpegvideo", "mpjpeg", "mxf", "nut", "obu"),
    *("ogg", "rm", "swf", "vc1", "vvc", "wtv", "yuv4mpegpipe"),
)
LOCAL_FILES = {"protocol_whitelist": "file", "format_whitelist": ",".join(CONTAINERS)}
# How files begin that name other files; older libraries, such as decord's, follow some of them.
PLAYLISTS = (
    b"#extm3u",
    b"ffconcat",
    b"<?xml",
    b"<mpd",
    b"<smil",
    b"<asx",
    b"v=0",
    b"[playlist]",
    b"[reference]",
)
LOOK_BYTES = 512


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

    check_container(path)
    # FFmpeg's own callback writes to descriptor 2, where DecoderMessages counts; PyAV's would log in Python.
    av.logging.set_level(av.logging.ERROR)
    av.logging.restore_default_callback()
    # Tags in a broken text encoding are not a reason to reject a video.
    return av.open(str(path), options=LOCAL_FILES, metadata_errors="ignore")


def check_container(path: Path) -> None:
    """Raise ReadError for what is no regular file, and for a file that leads to other files."""
    try:
        with open_regular(path, expected="a video file") as file:
            head = file.read(LOOK_BYTES)
    except ForeignFileError as error:
        raise ReadError(error.reason) from None
    if head.removeprefix(b"\xef\xbb\xbf").lstrip().lower().startswith(PLAYLISTS):
        raise ReadError("is a playlist or another text that names files; give the video itself")


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
    width, height = stream.codec_context.width, stream.codec_context.height
    if width * height > MOST_PIXELS:
        raise ReadError(
            f"has frames of {width}x{height} pixels, more than the {MOST_PIXELS} that are decoded"
        )
    rate = stream.average_rate or stream.guessed_rate
    start = stream_start = (container.start_time or 0) / MICROSECONDS
    if stream.start_time is not None:
        stream_start = float(stream.start_time * stream.time_base)
    return Header(
        fps=float(rate) if rate else NOMINAL_FPS,
        width=width,
        height=height,
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
