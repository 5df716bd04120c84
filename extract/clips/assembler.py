"""Cuts the frames of one video, in chunks of any size, into clips; memory is bounded by one clip."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from extract.segments import Tiling, clip_offsets, native_spans


@dataclass(frozen=True)
class Clip:
    """The pixels of one segment, between resize and crop.

    frames: [clip_length, channels, H, W]. positions: int64 [clip_length], which frames of the stream these
    are; once the video has ended, the last one is repeated.
    """

    segment: int
    frames: Tensor
    positions: np.ndarray

    @property
    def fresh(self) -> np.ndarray:
        """bool [clip_length]: False where a frame repeats the one before, at the end of a video."""
        return np.diff(self.positions, prepend=-1) > 0


class ClipAssembler:
    """Cuts a stream of frames into clips.

    The stream holds every `every`-th of the frames that the protocol samples, so that a clip of 8 frames with
    stride 8 needs 8 of them. Segment n begins at its frame n * segment_stride, its clip clip_start frames
    later; a clip that runs past the end repeats the last frame. sampling: see extract.segments.clip_offsets.
    """

    def __init__(
        self,
        *,
        clip_length: int,
        frame_stride: int,
        segment_stride: int,
        clip_start: int = 0,
        every: int = 1,
        tail: str = "pad",
        sampling: str = "stride",
        segment_seconds: float | None = None,
    ):
        # a clip of one frame has no distance between frames
        strides = [frame_stride] * (clip_length > 1) + [segment_stride, clip_start]
        if any(stride % every for stride in strides):
            numbers = " and ".join(str(stride) for stride in strides if stride)
            raise ValueError(f"every is {every}, expected a divisor of {numbers}")
        if every != 1 and (sampling != "stride" or segment_seconds is not None):
            raise ValueError(f"every is {every}, expected 1, because clips may need any frame")
        # strides are counted in frames of the stream
        frame_stride = max(frame_stride // every, 1)
        self.tiling = Tiling(
            clip_length=clip_length,
            frame_stride=frame_stride,
            segment_stride=segment_stride // every,
            tail=tail,
            segment_seconds=segment_seconds,
        )
        # frames of the stream from the start of a segment
        self._offsets = clip_start // every + clip_offsets(clip_length, frame_stride, sampling)
        self.frame_index: list[int] = []  # native number of every frame so far
        self.pts_seconds: list[float] = []
        self._first_noted = 0  # position of the first of these; earlier ones are forgotten
        self._spans_given = 0  # segments whose spans ended_spans has given
        self._held: list[Tensor] = []
        self._first_held = 0
        self._next_segment = 0

    def note(self, frame_index: np.ndarray, pts_seconds: np.ndarray) -> None:
        """Native numbers [n] and times [n] of the next frames.

        Apart from add(), because the flow of a frame is known only with the frame after it.
        """
        self.frame_index += frame_index.tolist()
        self.pts_seconds += pts_seconds.tolist()
        self.tiling.note(pts_seconds.tolist())

    def add(self, frames: Tensor) -> list[Clip]:
        """The next frames [n, channels, H, W] -> the clips that they complete."""
        self._held += list(frames.unbind(0))
        ready = []
        while self._needed() <= self._first_held + len(self._held):
            ready.append(self._cut())
        self._forget()
        return ready

    def end(self) -> list[Clip]:
        """The clips that reach past the last frame (none if the tail is dropped)."""
        return [self._cut() for _ in range(self._next_segment, self.tiling.num_segments())]

    def spans(self, *, num_frames: int, end_seconds: float) -> tuple[np.ndarray, np.ndarray]:
        """(frame_span int64 [N, 2], time_span float64 [N, 2]) in the video's own frames, once it has ended.

        num_frames: frames of the video itself; end_seconds: time at which its last frame ends.
        """
        spans = self.tiling.spans()
        time_edges = np.array([*self.pts_seconds, end_seconds])
        return native_spans(spans, np.array(self.frame_index), num_frames), time_edges[spans]

    def ended_spans(self) -> tuple[np.ndarray, np.ndarray]:
        """As spans, of the segments that have ended since the last call; earlier frames are forgotten.

        For streams that never end, of which spans() would need all frames.
        """
        first = self._spans_given
        while self.tiling.ends_before_last(self._spans_given):
            self._spans_given += 1
        return self._next_spans(range(first, self._spans_given), num_frames=0, end_seconds=0.0)

    def last_spans(self, *, num_frames: int, end_seconds: float) -> tuple[np.ndarray, np.ndarray]:
        """As spans, of the segments that ended_spans has not given, once the stream has ended."""
        first, self._spans_given = self._spans_given, self.tiling.num_segments()
        return self._next_spans(
            range(first, self._spans_given), num_frames=num_frames, end_seconds=end_seconds
        )

    def _next_spans(
        self, segments: range, *, num_frames: int, end_seconds: float
    ) -> tuple[np.ndarray, np.ndarray]:
        spans = np.array([self.tiling.span(segment) for segment in segments], np.int64).reshape(-1, 2)
        spans -= self._first_noted
        edges = np.array([*self.pts_seconds, end_seconds])
        found = native_spans(spans, np.array(self.frame_index), num_frames), edges[spans]
        self.tiling.forget(min(self._spans_given, self._next_segment))
        start = self.tiling.start(self._spans_given)
        passed = len(self.frame_index) - 1 if start is None else start - self._first_noted
        passed = max(0, min(passed, len(self.frame_index) - 1))
        del self.frame_index[:passed], self.pts_seconds[:passed]
        self._first_noted += passed
        return found

    def _needed(self) -> float:
        """How many frames the stream must have before the next segment can be cut; inf if it has no start.

        Its clip must be complete. With padding it must also be certain that the segment exists: the span of
        the one before may already cover the end of the video.
        """
        tiling, number = self.tiling, self._next_segment
        start = tiling.start(number)
        if start is None:
            return math.inf
        if tiling.tail == "drop":
            return start + tiling.length
        before = tiling.start(number - 1) if number else None
        return max(start + int(self._offsets[-1]) + 1, 0 if before is None else before + tiling.length + 1)

    def _cut(self) -> Clip:
        start = self.tiling.start(self._next_segment)
        assert start is not None
        last = self._first_held + len(self._held) - 1
        positions = np.minimum(start + self._offsets, last)
        frames = _stacked([self._held[position - self._first_held] for position in positions])
        clip = Clip(self._next_segment, frames, positions)
        self._next_segment += 1
        self._forget()
        return clip

    def _forget(self) -> None:
        """Drop the frames before the next segment, but the last, because a padded tail repeats it."""
        start = self.tiling.start(self._next_segment)
        most = len(self._held) - 1
        # a segment whose time no frame has reached starts after all of them
        passed = max(0, most if start is None else min(start - self._first_held, most))
        del self._held[:passed]
        self._first_held += passed


def _stacked(frames: list[Tensor]) -> Tensor:
    """[channels, H, W] each -> [L, channels, H, W], in the frames' own memory layout."""
    if frames[0].stride(0) != 1:
        return torch.stack(frames)
    # pixel by pixel in memory: stacking it that way copies whole lines
    return torch.stack([frame.permute(1, 2, 0) for frame in frames]).permute(0, 3, 1, 2)
