"""Frames of a video file through PyAV, which is right on the files that decord gets wrong."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

import numpy as np

from extract.decode.container import Header, open_container, read_header, to_open_video, video_stream
from extract.decode.open_video import DecodedFrame, OpenVideo
from extract.decode.sources import Source
from extract.runtime.foreign.pictures import MOST_PIXELS


def open_pyav(source: Source, _read_ahead_bytes: int) -> OpenVideo:
    """Open a video file. It decodes in one thread and never reads ahead, so the limit does not matter."""
    container = open_container(source.path)
    header = read_header(container)
    return to_open_video("pyav", header, _frames(container, header))


def _frames(container, header: Header) -> Iterator[DecodedFrame]:
    stream = video_stream(container)
    # Parallelism comes from one process per video; more threads would only compete for the cores.
    stream.thread_count = 1
    # Frames may be larger than the header says.
    stream.codec_context.options = {"max_pixels": str(MOST_PIXELS)}
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
    """uint8 [H, W, 3], rotated as the file asks; if the resolution changes, the first one is kept."""
    rgb = frame.to_ndarray(format="rgb24", width=size[0], height=size[1])
    quarter_turns = round(frame.rotation / 90) % 4
    return np.ascontiguousarray(np.rot90(rgb, quarter_turns)) if quarter_turns else rgb
