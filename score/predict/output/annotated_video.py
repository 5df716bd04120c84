"""The annotated video: every frame unchanged, with the score bar below it."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from score.predict.output.frame_replay import FrameConsumer
from score.predict.output.h264 import MIN_SIDE, H264File
from score.predict.output.score_bar import ScoreBar, score_bar_height
from score.predict.predictor import VideoResult


class AnnotatedVideo(FrameConsumer):
    """Writes a silent video with the same number of frames at the same times.

    H.264 needs even sides of at least 16 pixels: smaller and odd frames are padded by repeating their edge.
    with_bar: False copies the frames alone.
    """

    def __init__(self, path: Path, result: VideoResult, *, threshold: float, with_bar: bool = True):
        self.path, self.result, self.threshold, self.with_bar = path, result, threshold, with_bar
        self._file: H264File | None = None

    def begin(self, *, fps: float, width: int, height: int) -> None:
        # Padding at the right and below leaves coordinates in the frame unchanged.
        right = max(0, MIN_SIDE - width + width % 2) + width % 2
        below = max(0, MIN_SIDE - height)
        self._bar = None
        if self.with_bar:
            bar_height = score_bar_height(width + right, height + below)
            self._bar = ScoreBar(
                self.result.timeline,
                self.result.intervals,
                threshold=self.threshold,
                width=width + right,
                height=bar_height,
            )
            total = height + below + bar_height
        else:
            below += (height + below) % 2
            total = height + below
        self.padding = (below, right)
        self._file = H264File(self.path, kind="annotated video", fps=fps, width=width + right, height=total)

    def frame(self, index: int, seconds: float, rgb: np.ndarray) -> None:
        if any(self.padding):
            rgb = np.pad(rgb, ((0, self.padding[0]), (0, self.padding[1]), (0, 0)), mode="edge")
        if self._bar is not None:
            rgb = np.concatenate([rgb, self._bar.draw(index, seconds)])
        assert self._file is not None, "begin comes before the first frame"
        self._file.add(rgb, seconds)

    def end(self) -> None:
        file, self._file = self._file, None
        if file is not None:
            file.close()

    def discard(self) -> None:
        if self._file is not None:
            self._file.discard()
            self._file = None
