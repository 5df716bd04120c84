"""Writes frames to an H.264 file that every browser and player shows, at their own times."""

from __future__ import annotations

import contextlib
import math
from fractions import Fraction
from pathlib import Path

import numpy as np

from extract.runtime.atomic import AtomicFile
from extract.store.output_file import video_comment

MIN_TICKS = 10_000  # per second, so that variable frame rates keep their times to a tenth of a millisecond
SNAP_SECONDS = 1e-3  # decoders round: times this close to the grid of the constant rate belong on it
BT601 = 6  # code of the colour matrix with which RGB is converted here, stored for players
MIN_SIDE = 16  # pixels; the smallest frame that x264 takes


class H264File:
    """One video file without sound, which appears under its name once close was called.

    kind: of extract.store.output_file. width, height: in pixels. fps: the mean rate; frames may have any
    rising times. Raises ValueError for odd sides.
    """

    def __init__(self, path: Path, *, kind: str, fps: float, width: int, height: int):
        import av

        if width % 2 or height % 2:
            raise ValueError(f"{width}x{height} pixels: H.264 with 4:2:0 colour needs even sides")
        path.parent.mkdir(parents=True, exist_ok=True)
        self._file = AtomicFile(path)
        # 1001 covers the NTSC rates, such as 30000/1001.
        rate = Fraction(fps).limit_denominator(1001)
        if rate <= 0:
            rate = Fraction(25)
        self.ticks = rate.numerator * math.ceil(MIN_TICKS / rate.numerator)  # per second
        self.step = Fraction(self.ticks) / rate  # ticks per frame
        self._last = -1
        with self._file.errors():
            self._container = av.open(
                str(self._file.partial),
                "w",
                format="mp4",
                options={"movflags": "+faststart", "video_track_timescale": str(self.ticks)},
            )
        self._container.metadata.update(video_comment(kind))
        # Without the macroblock tree the same frames always give the same bytes.
        options = {"preset": "veryfast", "crf": "20", "x264-params": "mbtree=0"}
        self._stream = stream = self._container.add_stream("libx264", rate=rate, options=options)
        stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
        stream.codec_context.time_base = Fraction(1, self.ticks)
        # A key frame every two seconds, so that players seek quickly.
        stream.codec_context.gop_size = max(1, round(2 * rate))
        # Without these players guess the colour matrix from the frame size.
        for name in ("colorspace", "color_primaries", "color_trc"):
            setattr(stream.codec_context, name, BT601)

    def add(self, rgb: np.ndarray, seconds: float) -> None:
        """Append a frame. rgb: uint8 [height, width, 3]."""
        import av

        frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(rgb), format="rgb24")
        frame.pts, frame.time_base = self._tick(seconds), Fraction(1, self.ticks)
        frame.duration = round(self.step)
        with self._file.errors():
            self._container.mux(self._stream.encode(frame))

    def close(self) -> None:
        """Finish the file and give it its name."""
        try:
            with self._file.errors():
                self._container.mux(self._stream.encode())
                self._container.close()
            self._file.finish()
        finally:
            self._file.discard()

    def discard(self) -> None:
        """Remove the unfinished file."""
        # What led here is the error to report, not that its rest cannot be written.
        with contextlib.suppress(OSError, ValueError):
            self._container.close()
        self._file.discard()

    def _tick(self, seconds: float) -> int:
        tick = round(seconds * self.ticks)
        grid = round(round(seconds * self.ticks / self.step) * self.step)
        if abs(grid - tick) <= SNAP_SECONDS * self.ticks:
            tick = grid
        # Two frames that round to the same tick would be refused by the muxer.
        self._last = max(tick, self._last + 1)
        return self._last
