"""Two images side by side, frame after frame, as an mp4."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import av
import numpy as np

from extract.runtime.atomic import AtomicFile


class SideBySide:
    """Writes an H.264 mp4 whose left half is one image and whose right half is another; a context manager.

    The file gets its name when the manager ends without an error; a video without frames is not written.
    """

    def __init__(self, path: Path | str, *, fps: float):
        self.file = AtomicFile(path)
        self.fps, self.stream = Fraction(fps).limit_denominator(1001), None
        self.container = av.open(str(self.file.partial), "w", format="mp4")

    def add(self, left: np.ndarray, right: np.ndarray) -> None:
        """Two RGB uint8 [H, W, 3] of one size."""
        both = np.concatenate([left, right], axis=1)
        # yuv420p halves the colours, so both sides must be even
        height, width = (side // 2 * 2 for side in both.shape[:2])
        if self.stream is None:
            self.stream = self.container.add_stream("libx264", rate=self.fps)
            self.stream.width, self.stream.height, self.stream.pix_fmt = width, height, "yuv420p"
        frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(both[:height, :width]), format="rgb24")
        self.container.mux(self.stream.encode(frame))

    def discard(self) -> None:
        """Close and remove what was written so far."""
        self.container.close()
        self.file.discard()

    def __enter__(self) -> SideBySide:
        return self

    def __exit__(self, kind, *_) -> None:
        complete = False
        try:
            if kind is None and self.stream is not None:
                self.container.mux(self.stream.encode())
                complete = True
        finally:
            self.container.close()
            if not complete:
                self.file.discard()
        if complete:
            self.file.finish(durable=False)
