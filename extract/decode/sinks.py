"""Where the sampled frames of a video go: as pixels to the parent, or into a descriptor in the worker."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from itertools import islice
from typing import Any, Protocol

import numpy as np

from extract.decode.decode_events import SegmentsDescribed
from extract.decode.decode_settings import DecodeSettings
from extract.decode.open_video import DecodedFrame, OpenVideo
from extract.decode.worker_link import FramesSent, WorkerLink
from extract.segments import native_spans

SEGMENTS_AT_ONCE = 64


class Outlet(Protocol):
    """Where a sink sends what it has described."""

    def send(self, event: SegmentsDescribed, /) -> None: ...


class DescriptorError(Exception):
    """Frames were decoded but segments cannot be described; another decoder would not help."""


class FrameSink:
    """Copies frames into shared memory and sends them in chunks."""

    def __init__(self, link: WorkerLink, video_id: str, video: OpenVideo, settings: DecodeSettings):
        link.ensure_capacity(
            max(settings.shared_memory_bytes, 2 * video.frame_bytes)
        )  # one to fill, one to read
        # At most a quarter of the memory, so that one chunk is filled while others are read.
        fitting = max(1, settings.shared_memory_bytes // 4 // video.frame_bytes)
        self.link = link
        self.video_id = video_id
        self.shape = (min(settings.chunk_frames, fitting), video.height, video.width, 3)
        self._chunk: tuple[int, np.ndarray] | None = None  # offset and frames of the chunk being filled
        self._filled: list[tuple[int, float]] = []  # frame index and time of its frames

    def add(self, frame: DecodedFrame) -> None:
        rgb = frame.rgb()
        # A damaged stream may change its size midway.
        if rgb.shape != self.shape[1:] or rgb.dtype != np.uint8:
            actual = f"frame {frame.frame_index} is {rgb.dtype} {rgb.shape}"
            raise ValueError(f"{actual}, expected uint8 {self.shape[1:]}")
        if self._chunk is None:
            self._chunk = self.link.take(self.shape)
        self._chunk[1][len(self._filled)] = rgb
        self._filled.append((frame.frame_index, frame.pts_seconds))
        if len(self._filled) == self.shape[0]:
            self._send()

    def finish(self, _num_frames: int, _end_seconds: float) -> None:
        """Send what is left."""
        self._send()

    def discard(self) -> None:
        """Drop everything that has not been sent."""
        if self._chunk is not None:
            self.link.regions.give_back(self._chunk[0])
        self._chunk, self._filled = None, []

    def _send(self) -> None:
        if self._chunk is None:
            return
        index, seconds = zip(*self._filled, strict=True)
        self.link.send(
            FramesSent(
                self.video_id,
                np.array(index, dtype=np.int64),
                np.array(seconds, dtype=np.float64),
                self._chunk[0],
                (len(index), *self.shape[1:]),
            )
        )
        self._chunk, self._filled = None, []


class SegmentSink:
    """Describes segments while frames stream by; keeps only what unfinished and unsent segments need.

    segments_at_once: sent in one event; 1 sends each as soon as it is known.
    """

    segments_at_once = SEGMENTS_AT_ONCE

    def __init__(self, link: Outlet, video_id: str, fps: float, settings: DecodeSettings):
        """fps: of the video."""
        if settings.descriptor is None:
            raise ValueError("descriptor is None, expected the name of one")
        self.link = link
        self.video_id = video_id
        self.settings = settings
        self.tiling = settings.tiling()
        self.descriptor = make_descriptor(settings.descriptor, settings.fps or fps)
        self._rows: deque[np.ndarray] = deque()  # of the last frames whose rows are known
        self._known = 0  # rows so far; the row of a frame may be known only with the frame after it
        self._clock: deque[tuple[int, float]] = deque()  # frame index and time of the last frames
        self._described = 0  # segments so far
        self._unsent: list[np.ndarray] = []

    def add(self, frame: DecodedFrame) -> None:
        self._keep(self._guarded(self.descriptor.frame, frame.rgb(), frame.pts_seconds))
        self._clock.append((frame.frame_index, frame.pts_seconds))
        self.tiling.note([frame.pts_seconds])
        # A segment is complete, and its end known, only once the frame after it has arrived.
        while self.tiling.ends_before_last(self._described):
            self._describe()
            if len(self._unsent) == self.segments_at_once:
                self._send(num_frames=frame.frame_index, end_seconds=frame.pts_seconds)

    def finish(self, num_frames: int, end_seconds: float) -> None:
        """Describe and send the last segments. Raises DescriptorError for a video without any segment."""
        self._keep(self._guarded(self.descriptor.end))
        for _ in range(self._described, self.tiling.num_segments()):
            self._describe()
        if not self._described:
            raise DescriptorError(
                f"{self.video_id}: {self.tiling.count} frames, but a segment takes {self.tiling.length}"
                " and partial segments are dropped"
            )
        if self._unsent:
            self._send(num_frames=num_frames, end_seconds=end_seconds)

    def discard(self) -> None:
        """Nothing is held outside this object."""

    def _keep(self, row: np.ndarray | None) -> None:
        if row is not None:
            # A copy, in case the descriptor reuses its output.
            self._rows.append(np.array(row))
            self._known += 1

    def _start(self, segment: int) -> int:
        """Sampled frame at which a segment starts that some frame has reached."""
        start = self.tiling.start(segment)
        assert start is not None
        return start

    def _describe(self) -> None:
        start = self._start(self._described)
        while len(self._rows) > self._known - start:
            self._rows.popleft()
        rows = np.stack(list(islice(self._rows, self.settings.clip_length)))
        self._unsent.append(np.asarray(self._guarded(self.descriptor.segment, rows), dtype=np.float32))
        self._described += 1

    def _send(self, *, num_frames: int, end_seconds: float) -> None:
        """Send the unsent segments. num_frames, end_seconds: where the frames known so far end."""
        segments = range(self._described - len(self._unsent), self._described)
        first = self._start(segments[0])
        while len(self._clock) > self.tiling.count - first:
            self._clock.popleft()
        # Spans relative to the first frame that the clock still has.
        spans = np.array([self.tiling.span(segment) for segment in segments], dtype=np.int64) - first
        index, seconds = zip(*self._clock, strict=True)
        self.link.send(
            SegmentsDescribed(
                self.video_id,
                np.stack(self._unsent),
                native_spans(spans, np.array(index), num_frames),
                np.append(seconds, end_seconds)[spans],
            )
        )
        self._unsent = []
        self.tiling.forget(self._described)

    def _guarded(self, action: Callable[..., Any], *arguments: Any) -> Any:
        try:
            return action(*arguments)
        except Exception as error:  # whatever it is, decoding the video again would not help
            raise DescriptorError(f"{self.video_id}: {type(error).__name__}: {error}") from error


def make_descriptor(name: str, fps: float):
    """A descriptor for one video of `fps` frames per second. Raises DescriptorError for an unknown name."""
    import cv2

    from extract.descriptors import DESCRIPTORS

    cv2.setNumThreads(1)  # a worker may use one core
    # The last bits of IPP's results depend on the address of an array, so a resumed store would differ.
    cv2.ipp.setUseIPP(False)
    if name not in DESCRIPTORS:
        known = ", ".join(sorted(DESCRIPTORS))
        raise DescriptorError(f"unknown descriptor {name!r}; known descriptors: {known}")
    return DESCRIPTORS[name](fps)
