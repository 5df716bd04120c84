"""Turns one video's decoded frames into the clips of its segments: a stream resizes, an assembler cuts."""

from __future__ import annotations

import numpy as np

from extract.clips.assembler import Clip, ClipAssembler
from extract.clips.streams import Stream
from extract.decode.decode_events import DecodeReport, FramesDecoded
from extract.presets import Preset


class VideoClips:
    """The clips of one video; memory is bounded by one clip and what the stream holds back."""

    def __init__(self, stream: Stream, preset: Preset):
        self.stream = stream
        # single frames by the clock: the decoder passes on nothing else
        each = preset.keeps_starts
        self.assembler = ClipAssembler(
            clip_length=preset.clip_length,
            frame_stride=preset.frame_stride,
            segment_stride=1 if each else preset.segment_stride,
            clip_start=preset.clip_start,
            every=preset.keep_every,
            tail=preset.tail,
            sampling=preset.sampling,
            segment_seconds=None if each else preset.segment_seconds,
        )

    def add(self, event: FramesDecoded) -> list[Clip]:
        """The clips that the next frames complete."""
        self.assembler.note(event.frame_index, event.pts_seconds)
        return self.assembler.add(self.stream.add(event.frames, event.frame_index))

    def end(self) -> list[Clip]:
        """The clips that are left after the last frame."""
        held_back = self.stream.end()
        clips = [] if held_back is None else self.assembler.add(held_back)
        return clips + self.assembler.end()

    def spans(self, report: DecodeReport) -> tuple[np.ndarray, np.ndarray]:
        """(frame_span int64 [N, 2], time_span float64 [N, 2]) in native frames, once the video has ended."""
        return self.assembler.spans(num_frames=report.num_frames, end_seconds=report.end_seconds)

    def ended_spans(self) -> tuple[np.ndarray, np.ndarray]:
        """As spans, of the segments that have ended since the last call; for streams that never end."""
        return self.assembler.ended_spans()

    def last_spans(self, *, num_frames: int, end_seconds: float) -> tuple[np.ndarray, np.ndarray]:
        """As spans, of the segments that ended_spans has not given, once the stream has ended."""
        return self.assembler.last_spans(num_frames=num_frames, end_seconds=end_seconds)

    def frame_index(self, clip: Clip) -> np.ndarray:
        """int64 [clip_length]: native numbers of a clip's frames."""
        return np.array([self.assembler.frame_index[position] for position in clip.positions])

    def seconds(self, clip: Clip) -> np.ndarray:
        """float64 [clip_length]: presentation times of a clip's frames."""
        return np.array([self.assembler.pts_seconds[position] for position in clip.positions])
