"""Rows of streams that never end: the row makers of `run`, asked for each segment as soon as it is known.

Nothing of the past is kept, and a row equals that of the recorded video to the bit: frames go through the
same sampler, descriptor, clips and network. On a CPU a batch that is not full leaves the places of earlier
rows empty (see ViewQueue).
"""

from __future__ import annotations

import contextlib
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np

from extract.decode.decode_events import FramesDecoded, SegmentsDescribed
from extract.decode.open_video import DecodedFrame
from extract.decode.sampling import Sampler
from extract.decode.sinks import SegmentSink
from extract.pipeline.decoding import decode_settings
from extract.pipeline.network_rows import NetworkRows
from extract.pipeline.run_settings import RunSettings
from extract.presets import Preset

# Kind of a preset -> why its rows are not computed live.
NOT_LIVE = {
    "scene": "people are followed through a whole recording",
    "regions": "regions are followed through a whole recording",
    "sound": "it hears the sound, and only the picture of a camera is read",
}


@dataclass(frozen=True)
class LiveRow:
    """One segment. frame_span: [start, stop) of the stream's frames. time_span: seconds. row: [C, D]."""

    frame_span: tuple[int, int]
    time_span: tuple[float, float]
    row: np.ndarray


class LiveStream(Protocol):
    """The rows of one stream. Its methods are called by one thread at a time."""

    def add(self, frame: DecodedFrame, /) -> None:
        """The next frame. Raises VideoError for a picture that the preset cannot take."""
        ...

    def end(self, *, num_frames: int, end_seconds: float) -> None:
        """After the last frame; num_frames and end_seconds: where it ends."""
        ...

    def take(self) -> list[LiveRow]:
        """The segments that are known by now and have not been taken, in order."""
        ...

    def leave(self) -> None:
        """Nobody takes its rows any more."""
        ...


class LiveRows(Protocol):
    """Makes the rows of any number of streams of one preset."""

    @property
    def digest(self) -> str:
        """Of the weights, "" without any."""
        ...

    @property
    def parallel(self) -> bool:
        """Whether streams may be fed by several threads at once, each by one."""
        ...

    def open(self, fps: float, /) -> LiveStream:
        """Begin a stream of `fps` frames per second."""
        ...

    def flush(self) -> None:
        """Compute what waits for a batch to become full."""
        ...


def make_live_rows(preset: Preset, settings: RunSettings) -> LiveRows:
    """Raises ValueError for presets whose rows are not computed live, and for weights that do not fit."""
    if preset.kind in NOT_LIVE:
        raise ValueError(f"the preset {preset.name} cannot be watched live: {NOT_LIVE[preset.kind]}")
    if preset.map_name is not None:
        raise ValueError(
            f"the preset {preset.name} cannot be watched live: it makes a map of every frame instead of "
            "features"
        )
    return (LiveDescriptors if preset.kind == "descriptor" else LiveNetwork)(preset, settings)


class LiveDescriptors:
    """Rows of a descriptor, which each stream computes by itself."""

    digest, parallel = "", True

    def __init__(self, preset: Preset, settings: RunSettings):
        self.settings = decode_settings(preset, settings)

    def open(self, fps: float) -> DescribedStream:
        return DescribedStream(fps, self)

    def flush(self) -> None:
        pass


@dataclass
class _Outlet:
    """What a sink has sent and nobody has taken."""

    events: deque[SegmentsDescribed] = field(default_factory=deque)

    def send(self, event: SegmentsDescribed) -> None:
        self.events.append(event)


class DescribedStream:
    """One stream through the sink of the decode workers."""

    def __init__(self, fps: float, maker: LiveDescriptors):
        settings = maker.settings
        self._outlet = _Outlet()
        with _without_ipp():
            self._sink = SegmentSink(self._outlet, "stream", fps, settings)
        self._sink.segments_at_once = 1
        self._sampler = Sampler(settings.fps, settings.keep_every, settings.keep_seconds)

    def add(self, frame: DecodedFrame) -> None:
        with _without_ipp():
            for picked in self._sampler.add(frame):
                self._sink.add(picked)

    def end(self, *, num_frames: int, end_seconds: float) -> None:
        with _without_ipp():
            for picked in self._sampler.end():
                self._sink.add(picked)
            if self._sink.tiling.num_segments():  # too short for a segment is no fault of a stream
                self._sink.finish(num_frames, end_seconds)

    def take(self) -> list[LiveRow]:
        rows = []
        while self._outlet.events:
            event = self._outlet.events.popleft()
            for row, frames, times in zip(event.rows, event.frame_span, event.time_span, strict=True):
                rows.append(LiveRow(_pair(frames), _pair(times), row[None]))
        return rows

    def leave(self) -> None:
        pass


@contextlib.contextmanager
def _without_ipp() -> Iterator[None]:
    """As in decode workers (make_descriptor), where one thread does everything: the switch is per thread."""
    import cv2

    before = cv2.ipp.useIPP()
    cv2.ipp.setUseIPP(False)
    try:
        yield
    finally:
        cv2.ipp.setUseIPP(before)


class LiveNetwork:
    """Rows of a network; clips of all streams share batches where the device allows it (see Network)."""

    parallel = False

    def __init__(self, preset: Preset, settings: RunSettings):
        self.preset, self.maker = preset, NetworkRows(preset, settings)
        self.digest = self.maker.digest
        self.decoding = decode_settings(preset, settings)
        self.maker.begin()
        self._open: list[ClipsStream] = []

    def open(self, fps: float) -> ClipsStream:  # noqa: ARG002 - networks do not look at the rate
        self._open.append(stream := ClipsStream(self))
        return stream

    def flush(self) -> None:
        for stream in self._open:
            self.maker.flush(stream.video.queue)
        self._open = [stream for stream in self._open if not stream.ended]


class ClipsStream:
    """One stream through the clips and the network of `run`."""

    def __init__(self, network: LiveNetwork):
        settings = network.decoding
        self.video = network.maker.open_clips()
        self.clips = self.video.clips
        self.ended = False
        self._sampler = Sampler(settings.fps, settings.keep_every, settings.keep_seconds)
        self._spans: deque[tuple[tuple, tuple]] = deque()  # of segments that have ended, but were not taken
        self._taken = 0

    def add(self, frame: DecodedFrame) -> None:
        for picked in self._sampler.add(frame):
            self._take(picked)

    def end(self, *, num_frames: int, end_seconds: float) -> None:
        for picked in self._sampler.end():
            self._take(picked)
        self.video.end_clips()
        self._note(self.clips.last_spans(num_frames=num_frames, end_seconds=end_seconds))
        self.ended = True

    def take(self) -> list[LiveRow]:
        rows = []
        while self._spans and (row := self.video.take_row(self._taken)) is not None:
            rows.append(LiveRow(*self._spans.popleft(), row))
            self._taken += 1
        return rows

    def leave(self) -> None:
        self.ended = True

    def _take(self, frame: DecodedFrame) -> None:
        pixels = frame.rgb()[None]
        index, seconds = np.array([frame.frame_index]), np.array([frame.pts_seconds])
        self.video.take(FramesDecoded("stream", index, seconds, pixels, _nothing))
        self._note(self.clips.ended_spans())

    def _note(self, spans: tuple[np.ndarray, np.ndarray]) -> None:
        self._spans += [(_pair(frames), _pair(times)) for frames, times in zip(*spans, strict=True)]


def _pair(span: np.ndarray) -> tuple:
    start, stop = span.tolist()
    return start, stop


def _nothing() -> None:
    pass
