"""What a container claims about its video before anything is decoded; read through PyAV for every decoder."""

from __future__ import annotations

import itertools
import math
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from extract.decode.open_video import NOMINAL_FPS, DecodedFrame, OpenVideo, ReadError
from extract.decode.readers.clock import LARGEST_SECONDS, Clock
from extract.decode.readers.stated_size import cut_off
from extract.decode.readers.stream_choice import choose_stream
from extract.runtime.foreign.foreign_error import ForeignFileError
from extract.runtime.foreign.pictures import MOST_PIXELS
from extract.runtime.foreign.regular_file import open_regular

MICROSECONDS = 1_000_000  # unit of times that belong to the container rather than to a stream
LARGEST_FPS = 1000.0
# A mean rate this many times the nominal one, or less than its inverse, is no rate of frames.
RATES_APART = 4.0
FASTEST_GUESS = 250.0  # a higher rate that the mean contradicts is the resolution of the clock
# What FFmpeg gives as duration or number of frames is measured in what is there of the file.
NO_CLAIM = frozenset("mpegts mpeg mpegvideo h264 hevc m4v mjpeg gif ogg yuv4mpegpipe".split())
# They state when the last frame ends by their own clock, not how long the video is.
STATE_THE_END = frozenset(("matroska", "webm", "asf"))
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
    stream: int  # index of the video stream that is read
    other_streams: tuple[int, ...]  # video streams that are not, covers left out
    nominal_fps: float  # the rate of frames that have no usable time
    end_seconds: float | None  # when the last frame ends, counted from start_seconds


def open_container(path: Path):
    """An av container of a local file; decoder messages of level error and above go to file descriptor 2."""
    import av.logging

    # FFmpeg's own callback writes to descriptor 2, where DecoderMessages counts; PyAV's would log in Python.
    av.logging.set_level(av.logging.ERROR)
    av.logging.restore_default_callback()
    return silent_container(path)


def silent_container(path: Path):
    """As open_container, and the log of FFmpeg stays as it is: it may name the addresses of cameras."""
    import av

    check_container(path)
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


def read_header(container, wanted: int | None = None) -> Header:
    """The claims of an open av container about the video stream that is read.

    wanted: index of a stream. Raises ReadError without a video stream, and without the wanted one.
    """
    choice = choose_stream(container, wanted)
    stream = container.streams[choice.index]
    width, height = stream.codec_context.width, stream.codec_context.height
    if width * height > MOST_PIXELS:
        raise ReadError(
            f"has frames of {width}x{height} pixels, more than the {MOST_PIXELS} that are decoded"
        )
    fps, nominal_fps = rates(stream)
    start = stream_start = container_start(container)
    if stream.start_time is not None:
        stream_start = float(stream.start_time * stream.time_base)
    stream_start = stream_start if abs(stream_start) <= LARGEST_SECONDS else 0.0
    seconds = _stream_seconds(container, stream)
    from_start = 0.0 if _formats(container) & STATE_THE_END else stream_start - start
    return Header(
        fps=fps,
        width=width,
        height=height,
        num_frames=None if _formats(container) & NO_CLAIM else stream.frames or None,
        seconds=seconds,
        start_seconds=start,
        stream_start_seconds=stream_start,
        stream=choice.index,
        other_streams=choice.others,
        nominal_fps=nominal_fps,
        end_seconds=None if seconds is None else seconds + from_start,
    )


def container_start(container) -> float:
    """The earliest time of any stream in seconds, which players show as zero; 0 for an impossible one."""
    start = (container.start_time or 0) / MICROSECONDS
    return start if abs(start) <= LARGEST_SECONDS else 0.0


def decodable(container, header: Header):
    """The stream that is read, ready for decoding."""
    stream = container.streams[header.stream]
    # Parallelism comes from one process per video; more threads would only compete for the cores.
    stream.thread_count = 1
    # Frames may be larger than the header says.
    stream.codec_context.options = {"max_pixels": str(MOST_PIXELS)}
    return stream


def rates(stream) -> tuple[float, float]:
    """(mean rate, nominal rate) of a stream.

    The mean rate is frames by duration. It means nothing where the clock stands still for an hour, and it is
    made up where a stream has no clock; the rate that the frames themselves state is taken then.
    """
    average, guessed = (float(rate) if rate else 0.0 for rate in (stream.average_rate, stream.guessed_rate))
    nominal = guessed if 0.0 < guessed <= LARGEST_FPS else average
    nominal = nominal if 0.0 < nominal <= LARGEST_FPS else NOMINAL_FPS
    trusted = stream.start_time is not None and nominal / RATES_APART <= average <= nominal * RATES_APART
    if not trusted and nominal > FASTEST_GUESS:
        nominal = average if 1.0 <= average <= LARGEST_FPS else NOMINAL_FPS
    return (average if trusted and average <= LARGEST_FPS else nominal), nominal


def to_open_video(decoder: str, path: Path, header: Header, frames: Iterator[DecodedFrame]) -> OpenVideo:
    """The open video of a decoder. Decodes the first frame; raises ReadError if there is none.

    frames: with the container's times, counted from its start; NaN where it states none.
    """
    clock = Clock(header.nominal_fps)
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
        frames=_on_time(itertools.chain([first], frames), clock, header.end_seconds),
        header_num_frames=header.num_frames,
        header_seconds=header.seconds,
        clock=clock,
        stream=header.stream,
        other_streams=header.other_streams,
        cut_off=partial(cut_off, path),
    )


def _on_time(frames: Iterator[DecodedFrame], clock: Clock, last_end: float | None) -> Iterator[DecodedFrame]:
    """The frames with checked times. Reads one frame ahead, and gives those before an error first.

    last_end: no frame lasts longer than the video, although some decoders say so of the last one.
    """
    frame, error = next(frames, None), None
    while frame is not None:
        after = None
        try:
            after = next(frames, None)
        except Exception as stop:  # decoders raise anything
            error = stop
        start, end = frame.pts_seconds, frame.end_seconds
        if last_end is not None and start < last_end < end:
            end = last_end
        start, end = clock.times(start, end, math.nan if after is None else after.pts_seconds)
        yield replace(frame, pts_seconds=start, end_seconds=end)
        frame = after
    if error is not None:
        raise error


def _stream_seconds(container, stream) -> float | None:
    """Duration of the video stream that the file states; None if it states none, or one of all streams."""
    alone = len(container.streams) == 1
    formats = _formats(container)
    if formats & NO_CLAIM:
        return None
    if container.format.name == "avi":
        # FFmpeg's duration follows from the size of the file; the header states frames and their rate.
        return stream.frames / float(stream.average_rate) if stream.frames and stream.average_rate else None
    if container.format.name.startswith("asf") and not alone:
        return None  # of the longest stream
    if stream.duration is not None and stream.time_base:
        seconds = float(stream.duration * stream.time_base)
    elif (seconds := _tagged_seconds(stream)) is None and alone and container.duration is not None:
        seconds = container.duration / MICROSECONDS
    if seconds is not None and formats & STATE_THE_END and container.start_time is not None:
        # Its frames count from the earliest start of a stream.
        seconds -= max(container.start_time, 0) / MICROSECONDS
    return seconds if seconds is not None and 0.0 < seconds <= LARGEST_SECONDS else None


def _formats(container) -> set[str]:
    return set(container.format.name.split(","))


def _tagged_seconds(stream) -> float | None:
    """Duration of a stream in Matroska, which states it in a text tag."""
    clock = re.fullmatch(r"(\d+):(\d\d):(\d\d(?:\.\d*)?)", stream.metadata.get("DURATION", ""))
    return int(clock[1]) * 3600 + int(clock[2]) * 60 + float(clock[3]) if clock else None
