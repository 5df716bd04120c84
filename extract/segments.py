"""Which frames make segment n: the tiling of a video, its tail and the rule for short videos.

frames   0 1 2 3 4 5 6 7 8 9          clip_length 4, frame_stride 1, segment_stride 4
pad      [0     4)[4     8)[8 10)     the last clip repeats frame 9
drop     [0     4)[4     8)
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Iterable

import numpy as np

TAILS = ("pad", "drop")
SAMPLINGS = ("stride", "linspace")
TIE_SECONDS = 1e-3  # decoders that give times as 32-bit floats are that far off
# A frame this much before a multiple of segment_seconds counts as at it. Matroska rounds times to whole
# milliseconds, so a frame may be 1 ms early, and half-way to the next one 32-bit floats decide nothing.
EARLY_SECONDS = 1.5e-3


def segment_length(clip_length: int, frame_stride: int, segment_stride: int) -> int:
    """How many frames a full segment stands for: the span of its clip, or its stride if that is more."""
    for name, value in (
        ("clip_length", clip_length),
        ("frame_stride", frame_stride),
        ("segment_stride", segment_stride),
    ):
        if value < 1:
            raise ValueError(f"{name} is {value}, expected a whole number above 0")
    return max(clip_length * frame_stride, segment_stride)


def clip_offsets(clip_length: int, frame_stride: int, sampling: str) -> np.ndarray:
    """int64 [clip_length]: the frames of a clip, counted from its first one.

    "stride" takes every frame_stride-th. "linspace" spreads clip_length frames over the clip_length *
    frame_stride that the clip spans, first and last included, cut to whole numbers, as pytorchvideo's
    UniformTemporalSubsample does: 0, 9, ..., 63 of 64.
    """
    if sampling not in SAMPLINGS:
        raise ValueError(f"sampling is {sampling!r}, expected {' or '.join(SAMPLINGS)}")
    if sampling == "stride" or clip_length == 1:
        return np.arange(clip_length, dtype=np.int64) * frame_stride
    # in whole numbers, because the float32 steps of theirs may fall short of one
    return np.arange(clip_length, dtype=np.int64) * (clip_length * frame_stride - 1) // (clip_length - 1)


def segment_spans(
    num_frames: int, clip_length: int, frame_stride: int, segment_stride: int, tail: str
) -> np.ndarray:
    """The span [start, stop) of every segment, int64 [N, 2].

    tail "pad": N is the smallest number with every frame in a span; the last span ends at num_frames, so a
    video shorter than a clip gives one short segment. tail "drop": full spans only, and N may be 0.
    """
    length = segment_length(clip_length, frame_stride, segment_stride)
    if num_frames < 0:
        raise ValueError(f"num_frames is {num_frames}, expected 0 or more")
    if tail not in TAILS:
        raise ValueError(f"tail is {tail!r}, expected {' or '.join(TAILS)}")
    beyond_first = num_frames - length
    if tail == "drop":
        count = beyond_first // segment_stride + 1 if beyond_first >= 0 else 0
    else:
        count = max(-(-beyond_first // segment_stride), 0) + 1 if num_frames else 0
    starts = np.arange(count, dtype=np.int64) * segment_stride
    return np.stack([starts, np.minimum(starts + length, num_frames)], axis=1)


def native_spans(spans: np.ndarray, frame_index: np.ndarray, num_frames: int) -> np.ndarray:
    """Spans over sampled frames as spans over native ones, int64 [N, 2].

    spans: int64 [N, 2] over positions in frame_index. frame_index: int64 [S], the native frame of every
    sampled one. A segment lasts until the next sampled frame begins, the last one until num_frames (native);
    a segment that resampling squeezes into a part of one frame still spans that frame.
    """
    edges = np.append(np.asarray(frame_index, dtype=np.int64), num_frames)
    native = edges[np.asarray(spans, dtype=np.int64)]
    native[:, 1] = np.maximum(native[:, 1], native[:, 0] + 1)
    return native


class Tiling:
    """Where the segments of one video lie, known further with every frame; all counts in sampled frames.

    Segments start every segment_stride frames; or, with segment_seconds, at the first frame at or after each
    multiple of it on the video's own clock, counted from the first frame, and a frame starts at most one.
    They stand for their clip, up to the next start if that comes later: 16 frames every second of a video
    with 25 of them stand for 25, and 32 frames overlap by 7.
    """

    def __init__(
        self,
        *,
        clip_length: int,
        frame_stride: int,
        segment_stride: int,
        tail: str = "pad",
        segment_seconds: float | None = None,
    ):
        self._counts = {
            "clip_length": clip_length,
            "frame_stride": frame_stride,
            "segment_stride": segment_stride,
        }
        full = segment_length(**self._counts)  # checks the counts
        self.length = full if segment_seconds is None else clip_length * frame_stride
        self.tail, self.segment_seconds = tail, segment_seconds
        self.count = 0  # frames so far
        self._starts: deque[int] = deque()
        self._forgotten = 0  # starts of segments before those of _starts
        self._first_seconds = 0.0
        self._moment = 0  # which multiple of segment_seconds the next start belongs to

    def note(self, pts_seconds: Iterable[float]) -> None:
        """The times of the next frames."""
        for seconds in pts_seconds:
            if self.segment_seconds is not None:
                self._first_seconds = self._first_seconds if self.count else seconds
                moments = (seconds - self._first_seconds + EARLY_SECONDS) / self.segment_seconds
                if moments >= self._moment:
                    self._starts.append(self.count)
                    self._moment = math.floor(moments) + 1
            self.count += 1

    def start(self, segment: int) -> int | None:
        """The frame at which a segment starts, or would; None while no frame has reached its time."""
        if self.segment_seconds is None:
            return segment * self._counts["segment_stride"]
        place = segment - self._forgotten
        if place < 0:
            raise ValueError(f"segment {segment} has been forgotten")
        return self._starts[place] if place < len(self._starts) else None

    def span(self, segment: int) -> tuple[int, int]:
        """[start, stop) of a segment that has started, in a video that ends with the last frame so far."""
        start, after = self.start(segment), self.start(segment + 1)
        assert start is not None
        stop = max(start + self.length, self.count if after is None else after)
        return start, min(stop, self.count)

    def ends_before_last(self, segment: int) -> bool:
        """Whether a segment has ended before the last frame so far, so that its span will not change."""
        start, after = self.start(segment), self.start(segment + 1)
        return start is not None and after is not None and self.count > max(start + self.length, after)

    def forget(self, before: int) -> None:
        """Nobody will ask for segments before this one: a stream that never ends must not keep them."""
        # The one before decides whether a segment adds a frame.
        while self._forgotten < before - 1 and self._starts:
            self._starts.popleft()
            self._forgotten += 1

    def num_segments(self) -> int:
        """How many segments a video has that ends with the last frame so far; they end at its last one."""
        return self._forgotten + len(self.spans())

    def spans(self) -> np.ndarray:
        """The spans of the segments, int64 [N, 2], of a video that ends with the last frame so far.

        As segment_spans; with segment_seconds, tail "drop" leaves out the segments whose clip is not full,
        and forgotten segments are left out.
        """
        if self.segment_seconds is None:
            return segment_spans(self.count, **self._counts, tail=self.tail)
        starts = np.array(self._starts, dtype=np.int64)
        stops = np.maximum(starts + self.length, np.append(starts[1:], self.count))
        if self.tail == "drop":
            kept = starts + self.length <= self.count
        else:
            # whatever starts once the end is covered adds no frame
            kept = np.append(True, starts[:-1] + self.length < self.count)[: len(starts)]
        return np.stack([starts, np.minimum(stops, self.count)], axis=1)[kept]
