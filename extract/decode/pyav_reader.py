"""Frames of a video file through PyAV, which is right on the files that decord gets wrong."""

from __future__ import annotations

import math
from collections.abc import Iterator
from functools import partial

import numpy as np

from extract.decode.container import (
    Header,
    decodable,
    open_container,
    read_header,
    silent_container,
    to_open_video,
)
from extract.decode.open_video import DecodedFrame, OpenVideo, ReadError
from extract.decode.readers.orientation import frame_matrix, upright
from extract.decode.sources import Source

REPEATING = frozenset(("theora", "vp3"))  # codecs whose empty packets repeat the picture before them


def open_pyav(source: Source, _read_ahead_bytes: int) -> OpenVideo:
    """Open a video file. It decodes in one thread and never reads ahead, so the limit does not matter."""
    return _opened(open_container(source.path), source)


def open_silently(source: Source) -> OpenVideo:
    """As open_pyav, and the log of FFmpeg stays as it is."""
    return _opened(silent_container(source.path), source)


def _opened(container, source: Source) -> OpenVideo:
    header = read_header(container, source.stream)
    return to_open_video("pyav", source.path, header, _frames(container, header))


def _frames(container, header: Header) -> Iterator[DecodedFrame]:
    stream = decodable(container, header)
    size, reformatter = None, new_reformatter()
    with container:
        for index, (frame, seconds) in enumerate(_timed(container, stream)):
            size = size or (frame.width, frame.height)
            start = seconds - header.start_seconds
            length = float(frame.duration * frame.time_base) if frame.duration else math.nan
            yield DecodedFrame(
                index, index + 1, start, start + length, partial(rgb_of, frame, size, reformatter)
            )


def _timed(container, stream) -> Iterator[tuple]:
    """(frame, seconds of the container) in presentation order; NaN where it states no time."""
    frame = None
    repeats = stream.codec_context.name in REPEATING
    for packet in packets(container, stream):
        if packet.size == 0 and packet.pts is not None:
            # PyAV would take an empty packet for the end. It repeats the picture before it, or is nothing.
            if repeats and frame is not None:
                yield frame, float(packet.pts * packet.time_base)
            continue
        for frame in packet.decode():
            yield frame, math.nan if frame.pts is None else float(frame.pts * frame.time_base)


def packets(container, stream) -> Iterator:
    """Packets of a stream, and at the end one that makes the decoder give what it holds back."""
    packet = None
    while True:
        try:
            for packet in container.demux(stream):
                yield packet
        except IndexError:  # PyAV's, for a stream that begins late, which is not the one that is read
            if packet is None or packet.size or packet.pts is not None:
                continue
        return


def new_reformatter():
    """What converts the frames of one stream; each frame's own would hold a quarter of a megabyte more."""
    from av.video.reformatter import VideoReformatter

    return VideoReformatter()


def rgb_of(frame, size: tuple[int, int], reformatter) -> np.ndarray:
    """uint8 [H, W, 3], turned and mirrored as the file asks, all frames in the resolution of the first.

    Raises ReadError for colours that cannot be converted.
    """
    try:
        rgb = reformatter.reformat(frame, *size, format="rgb24").to_ndarray()
    except OSError as error:
        kind = f"{frame.format.name} with matrix {int(frame.colorspace)} of ITU-T H.273"
        raise ReadError(f"its colours ({kind}) cannot be converted: {error.strerror}") from None
    matrix = frame_matrix(frame)
    return rgb if matrix is None else upright(rgb, matrix)
