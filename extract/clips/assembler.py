"""Frames of one video, as they come, to the clips of its segments; memory bounded by one clip."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from extract.segments import native_spans, segment_spans


@dataclass(frozen=True)
class Clip:
    """The pixels of one segment: [clip_length, channels, H, W] as they are stored between resize and crop.

    positions: int64 [clip_length], which of the stream's frames they are; the last one again where the video has ended.
    """

    segment: int
    frames: Tensor
    positions: np.ndarray


class ClipAssembler:
    """Cuts a stream of frames into clips.

    Frames are those that the protocol samples: every `every`-th, so that a clip of 8 frames with stride 8 needs 8 of
    them. Segment n begins at its frame n * segment_stride; a clip that runs past the end repeats the last frame.
    """

    def __init__(
        self, *, clip_length: int, frame_stride: int, segment_stride: int, every: int = 1, tail: str = "pad"
    ):
        if frame_stride % every or segment_stride % every:
            raise ValueError(f"every is {every}, expected a divisor of {frame_stride} and {segment_stride}")
        self.every, self.tail = every, tail
        self.clip_length, self.frame_stride, self.segment_stride = (
            clip_length,
            frame_stride // every,
            segment_stride // every,
        )
        self.frame_index: list[int] = []  # native number of every frame so far
        self.pts_seconds: list[float] = []
        self._held: list[Tensor] = []
        self._first_held = 0
        self._next_segment = 0

    def note(self, frame_index: np.ndarray, pts_seconds: np.ndarray) -> None:
        """Native numbers [n] and times [n] of the next frames; flow of a frame comes only with the one after it."""
        self.frame_index += frame_index.tolist()
        self.pts_seconds += pts_seconds.tolist()

    def add(self, frames: Tensor) -> list[Clip]:
        """The next pictures [n, channels, H, W] -> the clips that are now whole."""
        self._held += list(frames.unbind(0))
        ready = []
        while self._needed() <= self._first_held + len(self._held):
            ready.append(self._cut())
        return ready

    def end(self) -> list[Clip]:
        """The clips that reach past the last frame (none where the tail is dropped)."""
        count = len(self._spans())
        return [self._cut() for _ in range(self._next_segment, count)]

    def spans(self, *, num_frames: int, end_seconds: float) -> tuple[np.ndarray, np.ndarray]:
        """(frame_span int64 [N, 2], time_span float64 [N, 2]) in the video's own frames, once it has ended.

        num_frames: frames of the video itself; end_seconds: time at which its last frame ends.
        """
        spans = self._spans()
        time_edges = np.array([*self.pts_seconds, end_seconds])
        return native_spans(spans, np.array(self.frame_index), num_frames), time_edges[spans]

    def _spans(self) -> np.ndarray:
        return segment_spans(
            len(self.frame_index),
            clip_length=self.clip_length,
            frame_stride=self.frame_stride,
            segment_stride=self.segment_stride,
            tail=self.tail,
        )

    def _needed(self) -> int:
        """Frames after which the next segment is whole and sure to be one: its span may reach past its clip, and the
        span before it may already cover the end of the video."""
        start = self._next_segment * self.segment_stride
        span = max(self.clip_length * self.frame_stride, self.segment_stride)
        if self.tail == "drop":
            return start + span
        reach = (self.clip_length - 1) * self.frame_stride + 1
        return max(start + reach, start - self.segment_stride + span + 1 if self._next_segment else 0)

    def _cut(self) -> Clip:
        start = self._next_segment * self.segment_stride
        last = self._first_held + len(self._held) - 1
        wanted = np.minimum(start + np.arange(self.clip_length) * self.frame_stride, last)
        clip = Clip(
            self._next_segment, _stacked([self._held[index - self._first_held] for index in wanted]), wanted
        )
        self._next_segment += 1
        passed = max(0, min(self._next_segment * self.segment_stride - self._first_held, len(self._held) - 1))
        del self._held[:passed]  # the last frame stays: the tail repeats it
        self._first_held += passed
        return clip


def _stacked(frames: list[Tensor]) -> Tensor:
    """[channels, H, W] each -> [L, channels, H, W], in the frames' own order in memory (mostly pixel by pixel)."""
    if frames[0].stride(0) != 1:
        return torch.stack(frames)
    return torch.stack([frame.permute(1, 2, 0) for frame in frames]).permute(0, 3, 1, 2)
