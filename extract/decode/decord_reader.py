"""Frames of a video file through decord. Only this module imports it, never in the process that owns the GPU.

decord hides damage and is silently wrong about MPEG-TS and edit lists. Opened with fault_tol=1 it raises on
most of those, and a negative first timestamp gives the others away; PyAV then reads the file.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from types import ModuleType

import numpy as np

from extract.decode.container import Header, decodable, open_container, read_header, to_open_video
from extract.decode.open_video import DecodedFrame, OpenVideo, ReadError
from extract.decode.pyav_reader import REPEATING, new_reformatter, rgb_of
from extract.decode.readers.orientation import frame_matrix
from extract.decode.readers.stated_size import appended
from extract.decode.sources import Source

PROGRESSIVE = 1  # of FFmpeg's field orders; 0 is unknown
LONGEST_SECONDS = 8192.0  # from here on 32-bit floats are further apart than half a millisecond
BATCH_BYTES = 8 << 20
BATCH_FRAMES = 16
# decord's defaults are 10240 and 16, which waste minutes on a damaged file. With 128, intact short files fail
# on a busy machine, because decord reads a file to its end before it returns the first frame and counts how
# often it has looked for that frame.
RETRIES = {"DECORD_EOF_RETRY_MAX": "2048", "DECORD_REWIND_RETRY_MAX": "8"}


def open_decord(source: Source, read_ahead_bytes: int) -> OpenVideo:
    """Open a video file whose frames together take at most read_ahead_bytes. Raises ReadError if larger.

    decord decodes ahead of its reader without limit, so only the size of the video limits its memory.
    """
    with open_container(source.path) as container:
        header = read_header(container, source.stream)
        first = _first_picture(container, header)
    if appended(source.path):
        raise ReadError("a Matroska file that may be joined of several, of which decord reads the first")
    # A cheap check by the header first; the second one uses the reader's count, since headers may be wrong.
    _check_size(header, header.num_frames or 0, read_ahead_bytes)
    reader = _video_reader(source)
    _check_size(header, len(reader), read_ahead_bytes)  # counted packets; nothing is decoded yet
    times = reader.get_frame_timestamp(range(len(reader))).astype(np.float64)  # [n, 2]: start, end
    if not np.isfinite(times).all() or times[0, 0] < 0 or (np.diff(times[:, 0]) <= 0).any():
        raise ReadError(
            "decord's times do not ascend from 0: an edit list or a clock that it does not follow"
        )
    if times.max() > LONGEST_SECONDS:
        raise ReadError("decord's times, 32-bit numbers, are too coarse for a clock that runs this long")
    return to_open_video("decord", source.path, header, _frames(reader, times, header, first))


def _first_picture(container, header: Header) -> np.ndarray:
    """The first picture as PyAV gives it. Raises ReadError if decord would give other pictures, or none.

    The two were compared bit for bit over codecs, pixel formats, colour ranges and matrices.
    """
    from av.stream import Disposition

    # decord leaves out pictures that are marked as attached, as in UCF-Crime, and no others.
    unmarked = [each for each in container.streams.video if not each.disposition & Disposition.attached_pic]
    if len(unmarked) > 1:
        raise ReadError("several video streams, of which decord chooses by itself")
    stream = decodable(container, header)
    if stream.codec_context.name in REPEATING:
        raise ReadError(f"{stream.codec_context.name} repeats frames by empty packets, where decord ends")
    first = next(container.decode(stream), None)
    if first is None:
        raise ReadError("no first frame")
    if blocker := _blocker(stream, first):
        raise ReadError(blocker)
    return rgb_of(first, (first.width, first.height), new_reformatter())


def _blocker(stream, first) -> str:
    """Why decord would convert frames in another way than PyAV; "" if it does the same."""
    if stream.codec_context.field_order > PROGRESSIVE or first.interlaced_frame:
        return "interlaced video, whose colours decord takes from the wrong rows"
    if any(component.bits > 8 for component in first.format.components):
        return "more than 8 bits per component, which decord rounds in its own way"
    # Of planar formats: how many columns and rows share a colour.
    across, down = first.format.chroma_width(1 << 10), first.format.chroma_height(1 << 10)
    if min(across, down) < 1 << 9 and not first.format.is_rgb:
        return "colours that many pixels share, which decord spreads in its own way"
    if down < 1 << 10 and first.height % 2:
        return "an odd number of rows, of whose last one decord takes other colours"
    if frame_matrix(first) is not None:
        return "a turned or mirrored picture, which decord turns in some containers only"
    return ""


def _check_size(header: Header, num_frames: int, read_ahead_bytes: int) -> None:
    if num_frames * header.width * header.height * 3 > read_ahead_bytes:
        size = f"{header.width}x{header.height}"
        raise ReadError(f"{num_frames} frames of {size} are more than decord may read ahead")


def import_decord() -> ModuleType:
    """decord, with our number of retries."""
    for name, value in RETRIES.items():
        os.environ.setdefault(name, value)  # the library reads these when it is loaded
    import decord

    return decord


def _video_reader(source: Source):
    decord = import_decord()
    decord.logging.set_level(decord.logging.ERROR)
    return decord.VideoReader(str(source.path), ctx=decord.cpu(0), num_threads=1, fault_tol=1)


def _frames(reader, times: np.ndarray, header: Header, first: np.ndarray) -> Iterator[DecodedFrame]:
    """Read strictly forwards: seeking is where decord is slow and inexact. Raises ReadError at the first
    picture if it is not the one that PyAV gives.
    """
    shift = header.stream_start_seconds - header.start_seconds  # decord counts from the start of its stream
    batch = max(1, min(BATCH_FRAMES, BATCH_BYTES // (header.width * header.height * 3)))
    for start in range(0, len(times), batch):
        indices = range(start, min(start + batch, len(times)))
        pixels = reader.get_batch(indices).asnumpy()  # [n, H, W, 3]
        if start == 0 and not np.array_equal(pixels[0], first):
            raise ReadError("decord's first picture is not the one that PyAV gives")
        for index, rgb in zip(indices, pixels, strict=True):
            begin, end = times[index] + shift
            yield DecodedFrame(index, index + 1, float(begin), float(end), rgb.view)
