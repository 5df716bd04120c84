"""Pictures of a video and of its flow side by side, as an mp4."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import av
import numpy as np

from extract.runtime.atomic import AtomicFile


class SideBySide:
    """Writes an H.264 mp4 whose left half is the frame and whose right half the flow; a context manager.

    The file gets its name when the manager ends without an error; a film without frames is not written.
    """

    def __init__(self, path: Path | str, *, fps: float):
        self._file = AtomicFile(path)
        self.fps, self.stream = Fraction(fps).limit_denominator(1001), None
        self.container = av.open(str(self._file.partial), "w", format="mp4")

    def add(self, frame: np.ndarray, picture: np.ndarray) -> None:
        """Two RGB uint8 [H, W, 3] of one size."""
        both = np.concatenate([frame, picture], axis=1)
        height, width = (side // 2 * 2 for side in both.shape[:2])  # yuv420p halves the colours: even sides
        if self.stream is None:
            self.stream = self.container.add_stream("libx264", rate=self.fps)
            self.stream.width, self.stream.height, self.stream.pix_fmt = width, height, "yuv420p"
        picture = av.VideoFrame.from_ndarray(np.ascontiguousarray(both[:height, :width]), format="rgb24")
        self.container.mux(self.stream.encode(picture))

    def __enter__(self) -> SideBySide:
        return self

    def __exit__(self, kind, *_) -> None:
        try:
            if kind is None and self.stream is not None:
                self.container.mux(self.stream.encode())
        finally:
            self.container.close()
        if kind is None and self.stream is not None:
            self._file.finish()
        else:
            self._file.discard()

    def discard(self) -> None:
        """Close and remove what was written so far."""
        self.container.close()
        self._file.discard()
