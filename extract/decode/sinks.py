"""Where the sampled frames of one video go: as pixels to the parent, or into a descriptor in the worker."""
from __future__ import annotations

import numpy as np

from extract.decode.events import SegmentsDescribed
from extract.decode.link import FramesSent, Link
from extract.decode.pictures import OpenVideo, Picture
from extract.decode.settings import DecodeSettings
from extract.segments import native_spans, segment_length, segment_spans

ROWS_AT_ONCE = 64  # segments sent in one event


class DescribeError(Exception):
    """Frames were decoded but segments cannot be described; another decoder would not help."""


class FrameSink:
    """Copies frames into shared memory and sends them some at a time."""

    def __init__(self, link: Link, video_id: str, video: OpenVideo, settings: DecodeSettings):
        link.make_room(max(settings.ring_bytes, 2 * video.frame_bytes))  # one to fill, one to read
        # a quarter of the memory at most, so that filling one chunk and reading others overlap
        fitting = max(1, settings.ring_bytes // 4 // video.frame_bytes)
        self.link = link
        self.video_id = video_id
        self.shape = (min(settings.chunk_frames, fitting), video.height, video.width, 3)
        self._offset: int | None = None
        self._frames = None
        self._filled: list[tuple[int, float]] = []

    def add(self, picture: Picture) -> None:
        rgb = picture.rgb()
        if rgb.shape != self.shape[1:] or rgb.dtype != np.uint8:
            raise ValueError(f"frame {picture.frame_index} is {rgb.dtype} {rgb.shape}, expected uint8 {self.shape[1:]}")
        if self._offset is None:
            self._offset, self._frames = self.link.take(self.shape)
        self._frames[len(self._filled)] = rgb
        self._filled.append((picture.frame_index, picture.pts_seconds))
        if len(self._filled) == self.shape[0]:
            self._send()

    def finish(self, num_frames: int, end_seconds: float) -> None:
        if self._filled:
            self._send()

    def discard(self) -> None:
        if self._offset is not None:
            self.link.regions.give_back(self._offset)
        self._offset, self._filled = None, []

    def _send(self) -> None:
        index, seconds = zip(*self._filled)
        self.link.send(FramesSent(
            self.video_id,
            np.array(index, dtype=np.int64),
            np.array(seconds, dtype=np.float64),
            self._offset,
            (len(index), *self.shape[1:]),
        ))
        self._offset, self._filled = None, []


class SegmentSink:
    """Describes segments while frames stream by; keeps the rows of unfinished segments only."""

    def __init__(self, link: Link, video_id: str, video: OpenVideo, settings: DecodeSettings):
        self.link = link
        self.video_id = video_id
        self.settings = settings
        self.length = segment_length(settings.clip_length, 1, settings.segment_stride)
        self.descriptor = _descriptor(settings.descriptor, settings.fps or video.fps)
        self._rows: list[np.ndarray] = []  # of the frames from _kept_from on
        self._kept_from = 0
        self._frame_index: list[int] = []
        self._pts_seconds: list[float] = []
        self._described = 0  # segments so far
        self._unsent: list[np.ndarray] = []

    def add(self, picture: Picture) -> None:
        try:
            self._rows.append(np.array(self.descriptor.frame(picture.rgb())))
        except (ValueError, TypeError, ArithmeticError, LookupError, RuntimeError) as error:
            raise DescribeError(f"frame {picture.frame_index}: {type(error).__name__}: {error}") from error
        self._frame_index.append(picture.frame_index)
        self._pts_seconds.append(picture.pts_seconds)
        # a segment is whole, and its end known, once the frame after it is here
        while len(self._frame_index) > self._described * self.settings.segment_stride + self.length:
            self._describe(self._described * self.settings.segment_stride)
            if len(self._unsent) == ROWS_AT_ONCE:
                self._send(num_frames=self._frame_index[-1], end_seconds=self._pts_seconds[-1])

    def finish(self, num_frames: int, end_seconds: float) -> None:
        for start, _ in self._spans(len(self._frame_index))[self._described:]:
            self._describe(int(start))
        if not self._described:
            raise DescribeError(
                f"{len(self._frame_index)} frames, but a segment takes {self.length} and partial ones are dropped")
        if self._unsent:
            self._send(num_frames=num_frames, end_seconds=end_seconds)

    def discard(self) -> None:
        """Nothing is held outside this object."""

    def _spans(self, num_frames: int) -> np.ndarray:
        chosen = self.settings
        return segment_spans(num_frames, chosen.clip_length, 1, chosen.segment_stride, chosen.tail)

    def _describe(self, start: int) -> None:
        begin = start - self._kept_from
        rows = np.stack(self._rows[begin:begin + self.settings.clip_length])
        try:
            self._unsent.append(np.asarray(self.descriptor.segment(rows), dtype=np.float32))
        except (ValueError, TypeError, ArithmeticError, LookupError, RuntimeError) as error:
            raise DescribeError(f"segment {self._described}: {type(error).__name__}: {error}") from error
        self._described += 1
        needed_from = self._described * self.settings.segment_stride
        del self._rows[:max(0, needed_from - self._kept_from)]
        self._kept_from = max(self._kept_from, needed_from)

    def _send(self, *, num_frames: int, end_seconds: float) -> None:
        first = self._described - len(self._unsent)
        starts = np.arange(first, self._described) * self.settings.segment_stride
        spans = np.stack([starts, np.minimum(starts + self.length, len(self._frame_index))], axis=1)
        times = np.append(self._pts_seconds, end_seconds)
        self.link.send(SegmentsDescribed(
            self.video_id,
            np.stack(self._unsent),
            native_spans(spans, np.array(self._frame_index), num_frames),
            times[spans],
        ))
        self._unsent = []


def _descriptor(name: str, fps: float):
    import cv2  # descriptors use it; a worker is one core's worth of work

    from extract.descriptors import DESCRIPTORS

    cv2.setNumThreads(1)
    if name not in DESCRIPTORS:
        raise DescribeError(f"unknown descriptor {name!r}; known descriptors: {', '.join(sorted(DESCRIPTORS))}")
    return DESCRIPTORS[name](fps)
