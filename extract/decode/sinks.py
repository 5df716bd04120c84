"""Where the sampled frames of one video go: as pixels to the parent, or into a descriptor in the worker."""

from __future__ import annotations

from collections import deque
from itertools import islice

import numpy as np

from extract.decode.decode_events import SegmentsDescribed
from extract.decode.decode_settings import DecodeSettings
from extract.decode.open_video import DecodedFrame, OpenVideo
from extract.decode.worker_link import FramesSent, WorkerLink
from extract.segments import native_spans, segment_length, segment_spans

ROWS_AT_ONCE = 64  # segments sent in one event


class DescriptorError(Exception):
    """Frames were decoded but segments cannot be described; another decoder would not help."""


class FrameSink:
    """Copies frames into shared memory and sends them some at a time."""

    def __init__(self, link: WorkerLink, video_id: str, video: OpenVideo, settings: DecodeSettings):
        link.make_room(max(settings.shared_memory_bytes, 2 * video.frame_bytes))  # one to fill, one to read
        # a quarter of the memory at most, so that filling one chunk and reading others overlap
        fitting = max(1, settings.shared_memory_bytes // 4 // video.frame_bytes)
        self.link = link
        self.video_id = video_id
        self.shape = (min(settings.chunk_frames, fitting), video.height, video.width, 3)
        self._offset: int | None = None
        self._frames = None
        self._filled: list[tuple[int, float]] = []

    def add(self, picture: DecodedFrame) -> None:
        rgb = picture.rgb()
        if rgb.shape != self.shape[1:] or rgb.dtype != np.uint8:
            made = f"frame {picture.frame_index} is {rgb.dtype} {rgb.shape}"
            raise ValueError(f"{made}, expected uint8 {self.shape[1:]}")
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
        self.link.send(
            FramesSent(
                self.video_id,
                np.array(index, dtype=np.int64),
                np.array(seconds, dtype=np.float64),
                self._offset,
                (len(index), *self.shape[1:]),
            )
        )
        self._offset, self._filled = None, []


class SegmentSink:
    """Describes segments while frames stream by; keeps what unfinished and unsent segments need, no more."""

    def __init__(self, link: WorkerLink, video_id: str, video: OpenVideo, settings: DecodeSettings):
        self.link = link
        self.video_id = video_id
        self.settings = settings
        self.length = segment_length(settings.clip_length, 1, settings.segment_stride)
        self.descriptor = make_descriptor(settings.descriptor, settings.fps or video.fps)
        self._sampled = 0  # frames so far
        self._rows: deque[np.ndarray] = deque()  # of the last frames
        self._clock: deque[tuple[int, float]] = deque()  # frame index and time of the last frames
        self._described = 0  # segments so far
        self._unsent: list[np.ndarray] = []

    def add(self, picture: DecodedFrame) -> None:
        self._rows.append(np.array(self._guarded(self.descriptor.frame, picture.rgb())))
        self._clock.append((picture.frame_index, picture.pts_seconds))
        self._sampled += 1
        # a segment is whole, and its end known, once the frame after it is here
        while self._sampled > self._start + self.length:
            self._describe()
            if len(self._unsent) == ROWS_AT_ONCE:
                self._send(num_frames=picture.frame_index, end_seconds=picture.pts_seconds)

    def finish(self, num_frames: int, end_seconds: float) -> None:
        chosen = self.settings
        spans = segment_spans(self._sampled, chosen.clip_length, 1, chosen.segment_stride, chosen.tail)
        while self._described < len(spans):
            self._describe()
        if not self._described:
            raise DescriptorError(
                f"{self.video_id}: {self._sampled} frames, but a segment takes {self.length}"
                " and partial ones are dropped"
            )
        if self._unsent:
            self._send(num_frames=num_frames, end_seconds=end_seconds)

    def discard(self) -> None:
        """Nothing is held outside this object."""

    @property
    def _start(self) -> int:
        """Sampled frame at which the next segment starts."""
        return self._described * self.settings.segment_stride

    def _describe(self) -> None:
        while len(self._rows) > self._sampled - self._start:
            self._rows.popleft()
        rows = np.stack(list(islice(self._rows, self.settings.clip_length)))
        self._unsent.append(np.asarray(self._guarded(self.descriptor.segment, rows), dtype=np.float32))
        self._described += 1

    def _send(self, *, num_frames: int, end_seconds: float) -> None:
        """Sends the segments described since the last time; what comes after the known frames is given."""
        first = (self._described - len(self._unsent)) * self.settings.segment_stride
        while len(self._clock) > self._sampled - first:
            self._clock.popleft()
        starts = np.arange(len(self._unsent), dtype=np.int64) * self.settings.segment_stride
        spans = np.stack([starts, np.minimum(starts + self.length, len(self._clock))], axis=1)
        index, seconds = zip(*self._clock)
        self.link.send(
            SegmentsDescribed(
                self.video_id,
                np.stack(self._unsent),
                native_spans(spans, np.array(index), num_frames),
                np.append(seconds, end_seconds)[spans],
            )
        )
        self._unsent = []

    def _guarded(self, action, argument: np.ndarray) -> np.ndarray:
        try:
            return action(argument)
        except Exception as error:  # whatever it is, decoding once more would not help
            raise DescriptorError(f"{self.video_id}: {type(error).__name__}: {error}") from error


def make_descriptor(name: str, fps: float):
    """A descriptor for one video, with OpenCV set for the process so that the same frames give the same bits."""
    import cv2  # descriptors use it; a worker is one core's worth of work

    from extract.descriptors import DESCRIPTORS

    cv2.setNumThreads(1)
    cv2.ipp.setUseIPP(
        False
    )  # its last bits follow where in memory a picture lies, and a resumed store would differ
    if name not in DESCRIPTORS:
        known = ", ".join(sorted(DESCRIPTORS))
        raise DescriptorError(f"unknown descriptor {name!r}; known descriptors: {known}")
    return DESCRIPTORS[name](fps)
