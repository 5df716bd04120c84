"""Frames of a video file through PyAV, which is right on the files that decord gets wrong."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from functools import partial

import numpy as np

from extract.decode.container import Header, open_container, read_header, video_stream
from extract.decode.open_video import DecodedFrame, OpenVideo, ReadError
from extract.decode.sources import Source


def open_pyav(source: Source, _read_ahead_bytes: int) -> OpenVideo:
    """Open a video file. It decodes in one thread and never reads ahead, so the limit does not matter."""
    container = open_container(source.path)
    header = read_header(container)
    frames = _frames(container, header)
    first = next(frames, None)
    if first is None:
        raise ReadError("has a video stream without a single frame")
    height, width = first.rgb().shape[:2]
    return OpenVideo(
        decoder="pyav",
        fps=header.fps,
        width=width,
        height=height,
        frames=itertools.chain([first], frames),
        header_num_frames=header.num_frames,
        header_seconds=header.seconds,
    )


def _frames(container, header: Header) -> Iterator[DecodedFrame]:
    stream = video_stream(container)
    stream.thread_count = 1
    frame_seconds = 1.0 / header.fps
    size = None
    end = 0.0
    with container:
        for index, frame in enumerate(container.decode(stream)):
            size = size or (frame.width, frame.height)
            if frame.pts is None:  # a raw stream has no timestamps: each frame starts where the last ended
                start = end
            else:
                start = float(frame.pts * frame.time_base) - header.start_seconds
            duration = float(frame.duration * frame.time_base) if frame.duration else frame_seconds
            end = start + duration
            yield DecodedFrame(index, index + 1, start, end, partial(_rgb, frame, size))


def _rgb(frame, size: tuple[int, int]) -> np.ndarray:
    """uint8 [H, W, 3], rotated as the file asks; where the resolution changes, the first one is kept."""
    rgb = frame.to_ndarray(format="rgb24", width=size[0], height=size[1])
    quarter_turns = round(frame.rotation / 90) % 4
    return np.ascontiguousarray(np.rot90(rgb, quarter_turns)) if quarter_turns else rgb
