"""Frames into an H.264 file that every browser and player shows; times as they were, one frame at a time in
memory."""

from __future__ import annotations

import math
from fractions import Fraction
from pathlib import Path

import numpy as np

from extract.runtime.atomic import AtomicFile

LEAST_TICKS = 10_000  # a second, so that frames of any rhythm keep their times to a tenth of a millisecond
SNAP_SECONDS = 1e-3  # times nearer than that to the grid of a constant rate are on it: decoders round
BT601 = 6  # of the matrix that RGB is converted with here, told to players


class H264File:
    """One video file, without sound. It appears under its name when it is whole; until then discard leaves
    nothing.

    Sizes must be even. fps: the mean rate; frames may come at any rising times.
    """

    def __init__(self, path: Path, *, fps: float, width: int, height: int):
        import av

        if width % 2 or height % 2:
            raise ValueError(f"{width}x{height} pixels: H.264 with 4:2:0 colour needs even sides")
        path.parent.mkdir(parents=True, exist_ok=True)
        self._file = AtomicFile(path)
        rate = Fraction(fps).limit_denominator(1001)
        if rate <= 0:
            rate = Fraction(25)
        self.ticks = rate.numerator * math.ceil(LEAST_TICKS / rate.numerator)  # a second
        self.step = Fraction(self.ticks) / rate  # a frame
        self._last = -1
        self._container = av.open(
            str(self._file.partial),
            "w",
            format="mp4",
            options={"movflags": "+faststart", "video_track_timescale": str(self.ticks)},
        )
        # without the macroblock tree the same frames give the same bytes
        options = {"preset": "veryfast", "crf": "20", "x264-params": "mbtree=0"}
        self._stream = stream = self._container.add_stream("libx264", rate=rate, options=options)
        stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
        stream.codec_context.time_base = Fraction(1, self.ticks)
        stream.codec_context.gop_size = max(1, round(2 * rate))  # so that a player jumps quickly
        for name in ("colorspace", "color_primaries", "color_trc"):
            setattr(stream.codec_context, name, BT601)

    def add(self, rgb: np.ndarray, seconds: float) -> None:
        """rgb: uint8 [height, width, 3]."""
        import av

        frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(rgb), format="rgb24")
        frame.pts, frame.time_base = self._tick(seconds), Fraction(1, self.ticks)
        frame.duration = round(self.step)
        self._container.mux(self._stream.encode(frame))

    def close(self) -> None:
        """Finish the file and give it its name."""
        self._container.mux(self._stream.encode())
        self._container.close()
        self._file.finish()

    def discard(self) -> None:
        """Leave nothing of an unfinished file."""
        self._container.close()
        self._file.discard()

    def _tick(self, seconds: float) -> int:
        tick = round(seconds * self.ticks)
        grid = round(round(seconds * self.ticks / self.step) * self.step)
        if abs(grid - tick) <= SNAP_SECONDS * self.ticks:
            tick = grid
        self._last = max(tick, self._last + 1)
        return self._last
