"""The annotated video: every frame as it was, with the strip of scores below it."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from score.predict.output.frame_replay import Watcher
from score.predict.output.h264 import H264File
from score.predict.output.score_bar import ScoreBar, score_bar_height
from score.predict.predictor import VideoResult

LEAST_SIDE = 16  # x264 wants at least this


class Annotator(Watcher):
    """Writes a video with as many frames, at the same times, and no sound. Odd sizes gain a row or column of
    their edge.

    strip: False copies the pictures alone.
    """

    def __init__(self, path: Path, result: VideoResult, *, threshold: float, strip: bool = True):
        self.path, self.result, self.threshold, self.with_strip = path, result, threshold, strip
        self._file: H264File | None = None

    def begin(self, *, fps: float, width: int, height: int) -> None:
        self.padding = (max(0, LEAST_SIDE - height), max(0, LEAST_SIDE - width + width % 2) + width % 2)
        width, high = width + self.padding[1], height + self.padding[0]
        self._strip = None
        if self.with_strip:
            below = score_bar_height(width, high)
            self._strip = ScoreBar(
                self.result.timeline,
                self.result.intervals,
                threshold=self.threshold,
                width=width,
                height=below,
            )
            self._file = H264File(self.path, fps=fps, width=width, height=high + below)
        else:
            self.padding = (self.padding[0] + high % 2, self.padding[1])
            self._file = H264File(self.path, fps=fps, width=width, height=high + high % 2)

    def frame(self, index: int, seconds: float, rgb: np.ndarray) -> None:
        if any(self.padding):
            rgb = np.pad(rgb, ((0, self.padding[0]), (0, self.padding[1]), (0, 0)), mode="edge")
        if self._strip is not None:
            rgb = np.concatenate([rgb, self._strip.draw(index, seconds)])
        self._file.add(rgb, seconds)

    def end(self) -> None:
        file, self._file = self._file, None
        file.close()

    def discard(self) -> None:
        if self._file is not None:
            self._file.discard()
            self._file = None
