"""How fast each place of the picture moves, frame by frame: a map of cells without any weights.

Dense inverse-search flow (Kroeger, Timofte, Dai & Van Gool, ECCV 2016, https://arxiv.org/abs/1603.03590) runs
from the frame before to the frame after. A cell's speed is the PERCENTILE-th percentile of the flow's length
in it, so that an object that fills a tenth of a cell counts and single pixels do not.
"""

from __future__ import annotations

from typing import NamedTuple

import cv2
import numpy as np

from extract.descriptors.shots import plain_cut

HEIGHT, WIDTH, CELL = 240, 360, 12  # pixels of the resized frame and of a cell
ROWS, COLUMNS = HEIGHT // CELL, WIDTH // CELL
PERCENTILE = 90
PAUSE_SECONDS = 1.0  # frames that are further apart show no motion
DEFAULT_FPS = 25.0  # for files that do not state their rate


class _Moment(NamedTuple):
    grey: np.ndarray  # uint8 [HEIGHT, WIDTH]
    seconds: float
    follows: bool  # False after a cut or a pause


class SpeedMap:
    """The maps of one video, frame after frame. A map is known once the frame after it has arrived.

    fps: frames per second; 0, a negative or a non-finite number counts as 25.
    """

    feature_dim = 0  # it makes the array `speed` instead

    def __init__(self, fps: float):
        self.fps = float(fps) if np.isfinite(fps) and fps > 0 else DEFAULT_FPS
        self._flow = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_FAST)
        self._before: _Moment | None = None
        self._now: _Moment | None = None
        self._aspect = np.ones(2, np.float32)

    def frame(self, frame: np.ndarray, seconds: float | None = None) -> np.ndarray | None:
        """The next frame, uint8 [H, W, 3] -> the map of the frame before it, None for the first frame.

        Float32 [ROWS, COLUMNS] in frame heights per second; 0 where nothing can be measured, as between two
        cuts. seconds: its time, None = 1 / fps further. Raises ValueError for another shape or dtype.
        """
        if frame.dtype != np.uint8 or frame.ndim != 3 or frame.shape[2] != 3:
            raise ValueError(f"frame is {frame.dtype} {list(frame.shape)}, expected uint8 [H, W, 3]")
        height, width = frame.shape[:2]
        self._aspect = np.array([width / (WIDTH * height), 1 / HEIGHT], np.float32)
        after = self._moment(frame, seconds)
        found = None if self._now is None else self._map(self._before, self._now, after)
        self._before, self._now = self._now, after
        return found

    def end(self) -> np.ndarray | None:
        """The map of the last frame; None for a video without frames."""
        return None if self._now is None else self._map(self._before, self._now, None)

    def segment(self, rows: np.ndarray) -> np.ndarray:
        """Maps [n, ROWS, COLUMNS] of a segment's frames, n >= 1 -> the highest of each cell."""
        return np.max(rows, axis=0)

    def _moment(self, frame: np.ndarray, seconds: float | None) -> _Moment:
        grey = cv2.cvtColor(frame, cv2.COLOR_RGB2GRAY)
        if grey.shape != (HEIGHT, WIDTH):
            grey = cv2.resize(grey, (WIDTH, HEIGHT), interpolation=cv2.INTER_AREA)
        last = self._now
        if last is None:
            return _Moment(grey, seconds or 0.0, follows=False)
        seconds = last.seconds + 1 / self.fps if seconds is None else float(seconds)
        paused = seconds - last.seconds > PAUSE_SECONDS
        return _Moment(grey, seconds, follows=not paused and not plain_cut(last.grey, grey))

    def _map(self, before: _Moment | None, now: _Moment, after: _Moment | None) -> np.ndarray:
        """From the frame before to the frame after, or from and to this frame where there is a cut."""
        first = before if before is not None and now.follows else now
        last = after if after is not None and after.follows else now
        distance = last.seconds - first.seconds
        # Equal times: resampling to a higher rate repeated a frame.
        if first is last or not distance > 0:
            return np.zeros((ROWS, COLUMNS), np.float32)
        # None, which the stubs do not allow, because an array would be taken as the initial flow.
        flow = self._flow.calc(first.grey, last.grey, None)  # pyright: ignore[reportCallIssue, reportArgumentType]
        flow = flow * (self._aspect / np.float32(distance))
        return in_cells(cv2.magnitude(flow[..., 0], flow[..., 1]))


def in_cells(length: np.ndarray) -> np.ndarray:
    """[ROWS * n, COLUMNS * n] -> the percentile of each cell of n x n pixels, float32 [ROWS, COLUMNS]."""
    side = len(length) // ROWS
    cells = length.reshape(ROWS, side, COLUMNS, side).swapaxes(1, 2).reshape(ROWS, COLUMNS, -1)
    place = PERCENTILE / 100 * (cells.shape[2] - 1)
    lower = int(place)
    # np.percentile, which takes several times as long.
    ordered = np.partition(cells, (lower, lower + 1), axis=2)
    low, high = ordered[..., lower], ordered[..., lower + 1]
    return low + np.float32(place - lower) * (high - low)
