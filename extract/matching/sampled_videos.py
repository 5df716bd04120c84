"""A few short videos, decoded in workers that can be killed: how long they are, and their first frames."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from extract.decode import DecodeJob, DecodePool, DecodeSettings, SourceError, find_source
from extract.decode.decode_events import (
    DecodeReport,
    FramesDecoded,
    SegmentsDescribed,
    VideoEnded,
    VideoFailed,
    VideoRestarted,
)
from extract.matching.row_rules import VideoLength

# Bytes of frames that are kept of one video: 800 frames of 320 x 240.
KEPT_BYTES = 192 << 20


@dataclass(frozen=True)
class DecodedVideo:
    """A video and its first frames at a rate: uint8 [T, H, W, 3] RGB, all of them if they fit."""

    length: VideoLength
    frames: np.ndarray
    whole: bool
    fps: float


@dataclass(frozen=True)
class DescribedVideo:
    """The rows of a descriptor: float32 [N, D]."""

    length: VideoLength
    rows: np.ndarray


class SampledVideos:
    """Videos that are decoded once per frame rate. failed: id -> why one yields nothing.

    jobs: in the order in which they are wanted. shown: how many of the first have their frames kept; of the
    others only the length is found, until `seconds` have passed.
    """

    def __init__(
        self, jobs: Sequence[DecodeJob], settings: DecodeSettings, *, shown: int, seconds: float = 120.0
    ):
        self.jobs, self.settings, self.shown, self.seconds = list(jobs), settings, shown, seconds
        self.failed: dict[str, str] = {}
        self._lengths: dict[str, VideoLength] | None = None
        self._decoded: dict[float | None, dict[str, DecodedVideo]] = {}
        self._described: dict[tuple, dict[str, DescribedVideo]] = {}

    def lengths(self) -> list[VideoLength]:
        """Those of every video that decodes, in the order of the jobs; fewer when the time is over."""
        if self._lengths is None:
            self._lengths = {}
            self._decoded[None] = {}
            # Those with frames alone first, so that the others can be left out when time is over.
            some, others = self.jobs[: self.shown], self.jobs[self.shown :]
            self._decode(some, None, keep=True)
            if others:
                self._decode(others, None, keep=False)
        return [self._lengths[job.video_id] for job in self.jobs if job.video_id in self._lengths]

    def frames(self, fps: float | None = None) -> dict[str, DecodedVideo]:
        """Video id -> its first frames, sampled at fps; None = all of them."""
        self.lengths()
        if fps not in self._decoded:
            self._decoded[fps] = {}
            self._decode(self.jobs[: self.shown], fps, keep=True)
        return self._decoded[fps]

    def described(
        self, descriptor: str, *, fps: float | None, length: int, stride: int
    ) -> dict[str, DescribedVideo]:
        """Video id -> rows of a descriptor: `length` frames every `stride`, the last one padded."""
        key = (descriptor, fps, length, stride)
        if key not in self._described:
            lengths = {each.video_id: each for each in self.lengths()}
            settings = replace(
                self.settings, descriptor=descriptor, fps=fps, clip_length=length, segment_stride=stride
            )
            blocks: dict[str, list[np.ndarray]] = {}
            for event in self._events(self.jobs[: self.shown], settings, self.seconds):
                if isinstance(event, SegmentsDescribed):
                    blocks.setdefault(event.video_id, []).append(event.rows)
                elif isinstance(event, (VideoRestarted, VideoFailed)):
                    blocks.pop(event.video_id, None)
            self._described[key] = {
                video_id: DescribedVideo(lengths[video_id], np.concatenate(rows))
                for video_id, rows in blocks.items()
                if video_id in lengths
            }
        return self._described[key]

    def _decode(self, jobs: list[DecodeJob], fps: float | None, *, keep: bool) -> None:
        chunks: dict[str, list[np.ndarray]] = {}
        first: dict[str, float] = {}
        counted: dict[str, int] = {}
        settings = replace(self.settings, fps=fps)
        if not keep:
            settings = replace(settings, keep_every=1 << 40)
        for event in self._events(jobs, settings, self.seconds if not keep else None):
            if isinstance(event, VideoRestarted):
                for each in (chunks, first, counted):
                    each.pop(event.video_id, None)
            elif isinstance(event, VideoFailed):
                self.failed[event.video_id] = event.reason
            elif isinstance(event, FramesDecoded):
                video_id, taken = event.video_id, chunks.setdefault(event.video_id, [])
                first.setdefault(video_id, float(event.pts_seconds[0]))
                held, before = sum(map(len, taken)), counted.get(video_id, 0)
                counted[video_id] = before + len(event.frames)
                fits = (held + len(event.frames)) * event.frames[0].nbytes <= KEPT_BYTES
                if keep and fits and held == before:
                    taken.append(event.frames.copy())
                event.release()
            elif isinstance(event, VideoEnded) and event.video_id in first:
                length = _length(event.video_id, event.report, first[event.video_id])
                if fps is None and self._lengths is not None:
                    self._lengths[event.video_id] = length
                if keep and chunks[event.video_id]:
                    frames = np.concatenate(chunks.pop(event.video_id))
                    self._decoded[fps][event.video_id] = DecodedVideo(
                        length, frames, len(frames) == counted[event.video_id], fps or event.report.fps
                    )

    @staticmethod
    def _events(jobs: list[DecodeJob], settings: DecodeSettings, seconds: float | None):
        """The events of a pool, until the time is over."""
        if not jobs:
            return
        deadline = None if seconds is None else time.monotonic() + seconds
        with DecodePool(jobs, settings) as pool:
            for event in pool:
                yield event
                if deadline is not None and time.monotonic() > deadline:
                    return


def shortest_first(jobs: Sequence[DecodeJob]) -> list[DecodeJob]:
    """The jobs by the bytes of their videos, smallest first; those without a source are left out."""
    sizes = {}
    for job in jobs:
        try:
            source = find_source(job.root, job.video_id)
            paths = [image.path for image in source.images] or [source.path]
            sizes[job] = sum(path.stat().st_size for path in paths)
        except (SourceError, OSError):
            continue
    return sorted(sizes, key=lambda job: sizes[job])


def _length(video_id: str, report: DecodeReport, first_seconds: float) -> VideoLength:
    return VideoLength(
        video_id, report.num_frames, report.header_num_frames, max(report.end_seconds - first_seconds, 0.0)
    )
