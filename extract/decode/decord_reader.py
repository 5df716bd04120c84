"""Pictures of a video file through decord: the only place that imports it, never in the process with the GPU.

decord hides damage and is wrong without a word on MPEG-TS and edit lists. Opened with fault_tol=1 it raises
on most of those, and a first timestamp below zero gives the others away; PyAV then reads the file.
"""

from __future__ import annotations

import itertools
import os
from collections.abc import Iterator

import numpy as np

from extract.decode.container import Header, open_container, read_header
from extract.decode.open_video import DecodedFrame, OpenVideo, ReadError
from extract.decode.sources import Source

BATCH_BYTES = 8 << 20
BATCH_FRAMES = 16
# 10240 and 16 unless told: minutes of nothing on a bad file. With 128 good short files fail on a busy
# machine, because decord reads a whole file before its first frame and then counts how often it looks for
# that frame.
RETRIES = {"DECORD_EOF_RETRY_MAX": "2048", "DECORD_REWIND_RETRY_MAX": "8"}


def open_decord(source: Source, read_ahead_bytes: int) -> OpenVideo:
    """Opens a video file whose frames all together take at most read_ahead_bytes; ReadError for a larger one.

    decord decodes ahead of its reader without bound, so the whole video is the only bound there is.
    """
    with open_container(source.path) as container:
        header = read_header(container)
    _check_size(header, header.num_frames or 0, read_ahead_bytes)
    reader = _video_reader(source)
    _check_size(header, len(reader), read_ahead_bytes)  # counted packets; nothing is decoded yet
    times = reader.get_frame_timestamp(range(len(reader))).astype(np.float64)  # [n, 2]
    if times[0, 0] < 0:
        raise ReadError(f"first timestamp is {times[0, 0]:.3f} s: an edit list that decord does not follow")
    pictures = _pictures(reader, times, header)
    first = next(pictures)
    height, width = first.rgb().shape[:2]
    return OpenVideo(
        decoder="decord",
        fps=header.fps,
        width=width,
        height=height,
        frames=itertools.chain([first], pictures),
        header_num_frames=header.num_frames,
        header_seconds=header.seconds,
    )


def _check_size(header: Header, num_frames: int, read_ahead_bytes: int) -> None:
    if num_frames * header.width * header.height * 3 > read_ahead_bytes:
        size = f"{header.width}x{header.height}"
        raise ReadError(f"{num_frames} frames of {size} are more than decord may read ahead")


def _video_reader(source: Source):
    for name, value in RETRIES.items():
        os.environ.setdefault(name, value)  # read by the library when it is loaded
    import decord

    decord.logging.set_level(decord.logging.ERROR)
    return decord.VideoReader(str(source.path), ctx=decord.cpu(0), num_threads=1, fault_tol=1)


def _pictures(reader, times: np.ndarray, header: Header) -> Iterator[DecodedFrame]:
    """Reads strictly forwards: seeking is where decord is slow and inexact."""
    shift = header.stream_start_seconds - header.start_seconds  # decord counts from the start of its stream
    batch = max(1, min(BATCH_FRAMES, BATCH_BYTES // (header.width * header.height * 3)))
    for start in range(0, len(times), batch):
        indices = range(start, min(start + batch, len(times)))
        frames = reader.get_batch(indices).asnumpy()  # [n, H, W, 3]
        for index, frame in zip(indices, frames):
            begin, end = times[index] + shift
            end = end if end > begin else begin + 1.0 / header.fps
            yield DecodedFrame(index, index + 1, float(begin), float(end), frame.view)
