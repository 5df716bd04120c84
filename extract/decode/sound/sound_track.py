"""The samples of a file's sound through PyAV: one channel, one rate, each at its time in the video."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from extract.decode.container import container_start, open_container
from extract.decode.open_video import ReadError
from extract.decode.pyav_reader import packets
from extract.decode.sound.sound_clock import SoundClock

# Sound that is further than this from the end of the sound before it begins anew; less is rounding.
APART_SECONDS = 0.05
# Samples per second of real recordings; others would need absurd memory.
RATES = (1000, 1_000_000)
# What an integer sample is divided by, by its type; 8-bit samples have their zero at 128.
LARGEST = {"uint8": 128.0, "int16": 32768.0, "int32": 2.0**31, "int64": 2.0**63}


@dataclass
class SoundTrack:
    """Which sound stream was read, and what came of it.

    stream, others: indices in the file, None without sound. left_out: packets that could not be decoded,
    where the sound is silent. begin, end: of what was read, in seconds of the video; None without any.
    """

    stream: int | None = None
    others: tuple[int, ...] = ()
    codec: str = ""
    rate: int = 0
    channels: int = 0
    left_out: int = 0
    begin: float | None = None
    end: float | None = None


def read_sound(
    path: Path, track: SoundTrack, *, rate: int, clock: SoundClock, beat: Callable[[], None]
) -> Iterator[tuple[int, np.ndarray]]:
    """(position, samples float32 [n]) at `rate` per second, one channel, in the order of the file.

    Channels are averaged and resampled by FFmpeg. Fills the track. beat: called with every packet. Raises
    ReadError for sound of which nothing can be decoded.
    """
    with open_container(path) as container:
        stream = _chosen(container, track)
        if stream is None:
            return
        run = _Run(rate)
        for seconds, samples, own_rate in _frames(container, stream, track, clock, beat):
            track.rate = track.rate or own_rate
            track.begin = seconds if track.begin is None else track.begin
            track.end = seconds + len(samples) / own_rate
            if not run.continues(seconds, own_rate, clock.piece):
                yield from run.flush()
                run.begin(seconds, own_rate, clock.piece)
            yield from run.add(samples)
        yield from run.flush()
        if track.begin is None and track.left_out:
            raise ReadError(f"none of its sound ({track.codec}, stream {track.stream}) can be decoded")


def _chosen(container, track: SoundTrack):
    """The sound stream that is marked as default, else the first; None without one."""
    from av.stream import Disposition

    streams = list(container.streams.audio)
    if not streams:
        return None
    default = [each for each in streams if each.disposition & Disposition.default]
    chosen = (default or streams)[0]
    track.stream = chosen.index
    track.others = tuple(each.index for each in streams if each is not chosen)
    if chosen.codec_context is None:
        raise ReadError(f"its sound (stream {chosen.index}) is of an unknown codec")
    track.codec = chosen.codec_context.name
    return chosen


def _frames(
    container, stream, track: SoundTrack, clock: SoundClock, beat: Callable[[], None]
) -> Iterator[tuple[float, np.ndarray, int]]:
    """(seconds in the video, samples [n] of one channel, their rate) of every frame that is heard."""
    from av.error import FFmpegError

    start, after = container_start(container), 0.0
    for packet in packets(container, stream):
        beat()
        if packet.size == 0 and packet.pts is not None:
            continue  # PyAV would take it for the end
        try:
            frames = packet.decode()
        except FFmpegError:
            # The decoder's own message is counted with those about the picture.
            track.left_out += 1
            continue
        for frame in frames:
            if not frame.samples:
                continue
            if not RATES[0] <= frame.sample_rate <= RATES[1]:
                raise ReadError(
                    f"its sound has {frame.sample_rate} samples per second, expected {RATES[0]} to {RATES[1]}"
                )
            raw = after if frame.pts is None else float(frame.pts * frame.time_base) - start
            after = raw + frame.samples / frame.sample_rate
            track.channels = track.channels or frame.layout.nb_channels
            if (seconds := clock.seconds(raw)) is not None and math.isfinite(seconds):
                yield seconds, _one_channel(frame), frame.sample_rate


def _one_channel(frame) -> np.ndarray:
    """The mean of a frame's channels, float32 [n]; integers as shares of their largest value."""
    values = frame.to_ndarray()  # [channels, n], or [1, n * channels] where they take turns
    channels = frame.layout.nb_channels
    values = values if frame.format.is_planar else values.reshape(-1, channels).T
    mean = values.mean(axis=0, dtype=np.float64)
    if values.dtype == np.uint8:
        mean -= 128.0
    mean /= LARGEST.get(str(values.dtype), 1.0)
    return np.nan_to_num(mean, nan=0.0, posinf=0.0, neginf=0.0).astype(np.float32)


class _Run:
    """Sound without a gap, on its way to another rate."""

    def __init__(self, rate: int):
        self.rate = rate
        self._resampler = None
        self._own_rate, self._piece, self._begin = 0, 0, 0.0
        # Samples in, and the position of the next one out.
        self._taken = self._position = 0

    def continues(self, seconds: float, own_rate: int, piece: int) -> bool:
        """Whether sound of this time, rate and piece of the clock follows on what was added."""
        if (own_rate, piece) != (self._own_rate, self._piece):
            return False
        return abs(self._begin + self._taken / own_rate - seconds) <= APART_SECONDS

    def begin(self, seconds: float, own_rate: int, piece: int) -> None:
        import av

        self._own_rate, self._piece, self._begin, self._taken = own_rate, piece, seconds, 0
        self._position = round(seconds * self.rate)
        self._resampler = None
        if own_rate != self.rate:
            self._resampler = av.AudioResampler(format="fltp", layout="mono", rate=self.rate)

    def add(self, samples: np.ndarray) -> Iterator[tuple[int, np.ndarray]]:
        import av

        if self._resampler is None:
            yield self._out(samples)
        else:
            frame = av.AudioFrame.from_ndarray(samples[None], format="fltp", layout="mono")
            frame.sample_rate, frame.pts = self._own_rate, self._taken
            yield from self._resampled(frame)
        self._taken += len(samples)

    def flush(self) -> Iterator[tuple[int, np.ndarray]]:
        """What the resampler holds back."""
        if self._resampler is not None and self._taken:
            yield from self._resampled(None)
        self._resampler = None

    def _resampled(self, frame) -> Iterator[tuple[int, np.ndarray]]:
        assert self._resampler is not None
        for each in self._resampler.resample(frame):
            yield self._out(np.nan_to_num(each.to_ndarray()[0], nan=0.0, posinf=0.0, neginf=0.0))

    def _out(self, samples: np.ndarray) -> tuple[int, np.ndarray]:
        position = self._position
        self._position += len(samples)
        return position, samples
