"""Two images side by side, frame after frame, as an mp4."""

from __future__ import annotations

import contextlib
from fractions import Fraction
from pathlib import Path

import av
import numpy as np

from extract.runtime.atomic import AtomicFile
from extract.store.output_file import video_comment


class SideBySide:
    """Writes an H.264 mp4 whose left half is one image and whose right half is another; a context manager.

    kind: of extract.store.output_file. The file gets its name when the manager ends without an error; a
    video without frames is not written.
    """

    def __init__(self, path: Path | str, *, kind: str, fps: float):
        self.file = AtomicFile(path)
        self.fps, self.stream = Fraction(fps).limit_denominator(1001), None
        with self.file.errors():
            self.container = av.open(str(self.file.partial), "w", format="mp4")
        self.container.metadata.update(video_comment(kind))

    def add(self, left: np.ndarray, right: np.ndarray) -> None:
        """Two RGB uint8 [H, W, 3] of one size."""
        both = np.concatenate([left, right], axis=1)
        # yuv420p halves the colours, so both sides must be even
        height, width = (side // 2 * 2 for side in both.shape[:2])
        if self.stream is None:
            self.stream = self.container.add_stream("libx264", rate=self.fps)
            self.stream.width, self.stream.height, self.stream.pix_fmt = width, height, "yuv420p"
        frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(both[:height, :width]), format="rgb24")
        with self.file.errors():
            self.container.mux(self.stream.encode(frame))

    def discard(self) -> None:
        """Close and remove what was written so far."""
        # What led here is the error to report, not that its rest cannot be written.
        with contextlib.suppress(OSError, ValueError):
            self.container.close()
        self.file.discard()

    def __enter__(self) -> SideBySide:
        return self

    def __exit__(self, kind, *_) -> None:
        if kind is not None or self.stream is None:
            self.discard()
            return
        try:
            with self.file.errors():
                self.container.mux(self.stream.encode())
                self.container.close()
            self.file.finish(durable=False)
        finally:
            self.discard()
