"""A few short videos, decoded in workers that can be killed: how long they are, and their first frames."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import partial

import numpy as np

from extract.decode import DecodeJob, DecodePool, DecodeSettings
from extract.decode.decode_events import (
    DecodeReport,
    FramesDecoded,
    SegmentsDescribed,
    VideoEnded,
    VideoFailed,
    VideoRestarted,
)
from extract.decode.open_video import DecodedFrame
from extract.decode.sampling import Sampler
from extract.matching.row_rules import VideoLength
from extract.sound.sound_settings import Sound

# Bytes of frames that are kept of one video: 800 frames of 320 x 240.
KEPT_BYTES = 192 << 20


@dataclass(frozen=True)
class DecodedVideo:
    """A video and its first frames at a rate: uint8 [T, H, W, 3] RGB, all of them if they fit.

    pts_seconds: float64 [T], the times of the frames. end_seconds: of the video.
    """

    length: VideoLength
    frames: np.ndarray
    whole: bool
    fps: float
    pts_seconds: np.ndarray
    end_seconds: float
    _digests: dict[int, bytes] = field(default_factory=dict, repr=False, compare=False)

    def digest(self, number: int) -> bytes:
        """Of the pixels of a frame, so that equal frames are known."""
        if number not in self._digests:
            self._digests[number] = hashlib.blake2b(self.frames[number].tobytes(), digest_size=16).digest()
        return self._digests[number]

    def at(self, fps: float) -> DecodedVideo:
        """The frames at another rate, as decoding would pick them. The video must be whole."""
        ends = np.append(self.pts_seconds[1:], self.end_seconds)
        native = [
            DecodedFrame(
                number, number + 1, float(start), float(stop), partial(self.frames.__getitem__, number)
            )
            for number, (start, stop) in enumerate(zip(self.pts_seconds, ends, strict=True))
        ]
        picked = [frame.frame_index for frame in Sampler(fps, keep_every=1).pick(native)]
        kept = picked[: max(KEPT_BYTES // self.frames[0].nbytes, 1)]
        return replace(
            self,
            frames=self.frames[kept],
            whole=len(kept) == len(picked),
            fps=fps,
            pts_seconds=self.pts_seconds[kept],
            _digests={},
        )


@dataclass(frozen=True)
class DescribedVideo:
    """The rows of a descriptor: float32 [N, D]; or of the sound, its patches [N, frames, bands]."""

    length: VideoLength
    rows: np.ndarray


class SampledVideos:
    """Videos that are decoded once per frame rate. failed: id -> why one yields nothing.

    jobs: in the order in which they are wanted. shown: how many of the first have their frames kept; of the
    others only the length is found.
    """

    def __init__(self, jobs: Sequence[DecodeJob], settings: DecodeSettings, *, shown: int):
        self.jobs, self.settings, self.shown = list(jobs), settings, shown
        self.failed: dict[str, str] = {}
        self._lengths: dict[str, VideoLength] | None = None
        self._decoded: dict[float | None, dict[str, DecodedVideo]] = {}
        self._described: dict[tuple, dict[str, DescribedVideo]] = {}

    def lengths(self) -> list[VideoLength]:
        """Those of every video that decodes, in the order of the jobs."""
        if self._lengths is None:
            self._lengths = {}
            self._decoded[None] = {}
            some, others = self.jobs[: self.shown], self.jobs[self.shown :]
            self._decode(some, None, keep=True)
            if others:
                self._decode(others, None, keep=False)
        return [self._lengths[job.video_id] for job in self.jobs if job.video_id in self._lengths]

    def frames(self, fps: float | None = None) -> dict[str, DecodedVideo]:
        """Video id -> its first frames, sampled at fps; None = all of them."""
        self.lengths()
        if fps not in self._decoded:
            native = self._decoded[None]
            self._decoded[fps] = {}
            if fps is not None:
                self._decoded[fps] = {id: video.at(fps) for id, video in native.items() if video.whole}
            others = [job for job in self.jobs[: self.shown] if job.video_id in native]
            self._decode([job for job in others if not native[job.video_id].whole], fps, keep=True)
        return self._decoded[fps]

    def described(
        self, described: str | Sound, *, fps: float | None, length: int, stride: int
    ) -> dict[str, DescribedVideo]:
        """Video id -> rows of a descriptor or the sound: `length` frames every `stride`, the last padded."""
        key = (described, fps, length, stride)
        if key not in self._described:
            lengths = {each.video_id: each for each in self.lengths()}
            what = {"descriptor" if isinstance(described, str) else "sound": described}
            settings = replace(self.settings, **what, fps=fps, clip_length=length, segment_stride=stride)
            blocks: dict[str, list[np.ndarray]] = {}
            for event in self._events(self.jobs[: self.shown], settings):
                if isinstance(event, SegmentsDescribed):
                    blocks.setdefault(event.video_id, []).append(event.rows)
                elif isinstance(event, (VideoRestarted, VideoFailed)):
                    blocks.pop(event.video_id, None)
                    if isinstance(event, VideoFailed):
                        self.failed[event.video_id] = event.reason
            self._described[key] = {
                video_id: DescribedVideo(lengths[video_id], np.concatenate(rows))
                for video_id, rows in blocks.items()
                if video_id in lengths
            }
        return self._described[key]

    def _decode(self, jobs: list[DecodeJob], fps: float | None, *, keep: bool) -> None:
        chunks: dict[str, list[np.ndarray]] = {}
        times: dict[str, list[np.ndarray]] = {}
        first: dict[str, float] = {}
        counted: dict[str, int] = {}
        settings = replace(self.settings, fps=fps)
        if not keep:
            settings = replace(settings, keep_every=1 << 40)
        for event in self._events(jobs, settings):
            if isinstance(event, VideoRestarted):
                for each in (chunks, times, first, counted):
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
                    times.setdefault(video_id, []).append(event.pts_seconds)
                event.release()
            elif isinstance(event, VideoEnded) and event.video_id in first:
                length = _length(event.video_id, event.report, first[event.video_id])
                if fps is None and self._lengths is not None:
                    self._lengths[event.video_id] = length
                if keep and chunks[event.video_id]:
                    frames = np.concatenate(chunks.pop(event.video_id))
                    self._decoded[fps][event.video_id] = DecodedVideo(
                        length,
                        frames,
                        whole=len(frames) == counted[event.video_id],
                        fps=fps or event.report.fps,
                        pts_seconds=np.concatenate(times.pop(event.video_id)),
                        end_seconds=event.report.end_seconds,
                    )

    @staticmethod
    def _events(jobs: list[DecodeJob], settings: DecodeSettings):
        if jobs:
            with DecodePool(jobs, settings) as pool:
                yield from pool


def _length(video_id: str, report: DecodeReport, first_seconds: float) -> VideoLength:
    return VideoLength(
        video_id, report.num_frames, report.header_num_frames, max(report.end_seconds - first_seconds, 0.0)
    )
