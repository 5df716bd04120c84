"""The sound of a video instead of its pixels: a patch for each segment of the picture."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict
from pathlib import Path

import numpy as np

from extract.decode.decode_events import SegmentsDescribed
from extract.decode.decode_settings import DecodeSettings
from extract.decode.open_video import DecodedFrame, OpenVideo, ReadError
from extract.decode.sinks import SEGMENTS_AT_ONCE, DescriptorError
from extract.decode.sound.sound_clock import SoundClock
from extract.decode.sound.sound_track import SoundTrack, read_sound
from extract.decode.worker_link import ParentGone, WorkerLink
from extract.segments import native_spans
from extract.sound.sound_settings import Sound
from extract.sound.sound_windows import SoundWindows, window_starts


class SoundSink:
    """Notes the times of frames, whose pixels it never asks for, and then reads the sound.

    path: of the video file; None for images, which have no sound. settings: with `sound` set.
    """

    def __init__(
        self,
        link: WorkerLink,
        video_id: str,
        video: OpenVideo,
        settings: DecodeSettings,
        *,
        sound: Sound,
        path: Path | None,
    ):
        self.link, self.video_id, self.video, self.settings = link, video_id, video, settings
        self.sound, self.path = sound, path
        self.track, self.silent = SoundTrack(), 0
        self._frame_index: list[int] = []
        self._seconds: list[float] = []
        self._patches: list[np.ndarray] = []
        self._sent = 0

    def add(self, frame: DecodedFrame) -> None:
        self._frame_index.append(frame.frame_index)
        self._seconds.append(frame.pts_seconds)

    def finish(self, num_frames: int, end_seconds: float) -> None:
        """Read the sound and send the patches of all segments.

        Raises DescriptorError for a video without a segment, and for sound that cannot be decoded unless the
        rest is to be salvaged.
        """
        settings, tiling = self.settings, self.settings.tiling()
        tiling.note(self._seconds)
        spans = tiling.spans()
        if not len(spans):
            raise DescriptorError(
                f"{self.video_id}: its {num_frames} frames do not fill a segment, and partial segments are "
                "dropped"
            )
        self._frame_span = native_spans(spans, np.array(self._frame_index), num_frames)
        self._time_span = np.append(self._seconds, end_seconds)[spans]
        windows = SoundWindows(window_starts(self._time_span, self.sound), self.sound)
        try:
            self._read(windows)
        except ParentGone:
            raise
        except Exception as error:  # damage raises many kinds
            if settings.on_damage != "salvage":
                known = isinstance(error, ReadError)
                reason = str(error) if known else f"its sound cannot be read ({type(error).__name__})"
                raise DescriptorError(f"{self.video_id}: {reason}") from None
        self._add(windows.end())
        self.silent = windows.silent
        self._send()

    def discard(self) -> None:
        """Nothing is held outside this object."""

    def record(self) -> dict:
        """What is known about the sound, for the report. silent_segments: those without a sample of it."""
        return asdict(self.track) | {"silent_segments": self.silent}

    def _read(self, windows: SoundWindows) -> None:
        if self.path is None:
            return
        clock = SoundClock([] if self.video.clock is None else self.video.clock.pieces)
        sound = read_sound(self.path, self.track, rate=self.sound.rate, clock=clock, beat=self.link.beat)
        for position, samples in sound:
            self._add(windows.add(position, samples))
            if windows.complete:
                break

    def _add(self, patches: Iterable[np.ndarray]) -> None:
        for patch in patches:
            self._patches.append(patch.ravel())
            if len(self._patches) == SEGMENTS_AT_ONCE:
                self._send()

    def _send(self) -> None:
        if not self._patches:
            return
        part = slice(self._sent, self._sent + len(self._patches))
        self.link.send(
            SegmentsDescribed(
                self.video_id, np.stack(self._patches), self._frame_span[part], self._time_span[part]
            )
        )
        self._sent, self._patches = part.stop, []
        self.link.beat()
