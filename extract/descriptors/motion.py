"""Motion of a segment in a few dozen numbers, without any weights: the default features for a first try.

Dense inverse-search flow (Kroeger, Timofte, Dai & Van Gool, ECCV 2016, https://arxiv.org/abs/1603.03590) at
low resolution, with the camera's motion removed, is averaged over a grid of cells: speed, acceleration,
motion boundaries and what the flow cannot explain, with histograms of flow orientation and of motion
boundaries (HOF: Laptev, Marszalek, Schmid & Rozenfeld, CVPR 2008; MBH: Dalal, Triggs & Schmid, ECCV 2006).
Statistics over cells and frames describe a segment. Cuts are detected, and no flow is computed across them
or between repeated frames.
"""

from __future__ import annotations

import cv2
import numpy as np

from extract.descriptors.motion_cells import CELLS, CHANNELS, Moment, MotionCells
from extract.descriptors.motion_statistics import INDEX, describe
from extract.descriptors.shots import ShotDetector

SHORT_SIDE = 180  # pixels of the flow's input; flow fields have half of that
MAX_ASPECT = 3.0  # times the short side; a longer frame is squeezed
FINEST_SCALE = 1  # pyramid level at which the flow stops: half the resolution
MAX_FPS = 36.0  # at higher rates frames are skipped evenly, because smaller steps drown in noise
DEFAULT_FPS = 25.0  # for files that do not state their rate
# Containers round times (Matroska to milliseconds): what is nearer than this to the nominal time is nominal.
ROUNDING_SECONDS = 2e-3
PAUSE_SECONDS, PAUSE_FRAMES = (
    1.0,
    5.0,
)  # between frames that are further apart, nothing moved that could be seen


class Motion:
    """Describes one video, frame after frame.

    fps: frames per second; 0, a negative or a non-finite number counts as 25.
    """

    feature_dim = len(describe(np.zeros((1, CELLS, len(CHANNELS)), dtype=np.float32)))

    def __init__(self, fps: float):
        self.fps = float(fps) if np.isfinite(fps) and fps > 0 else DEFAULT_FPS
        self.step = max(1, int(np.ceil(self.fps / MAX_FPS)))
        self._flow = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_FAST)
        self._flow.setFinestScale(FINEST_SCALE)
        self._shots = ShotDetector()
        self._cells: MotionCells | None = None
        self._sharp: np.ndarray | None = None  # the last frame that is not a repeat, at the flow's resolution
        self._last: Moment | None = None
        self._elapsed = 0  # frames since that one
        self._seconds = 0.0  # its time

    @classmethod
    def names(cls) -> list[str]:
        """The name of each dimension, "family.name"."""
        return list(describe(np.zeros((1, CELLS, len(CHANNELS)), dtype=np.float32)))

    def frame(self, frame: np.ndarray, seconds: float | None = None) -> np.ndarray:
        """One frame uint8 [H, W, 3] (or grey [H, W]) to float32 [1 + CELLS * len(CHANNELS)].

        seconds: its time; speeds are per second of the distance to the frame before. None = 1 / fps further.

        The first number is 1 if motion was measured, -1 if a shot begins, else 0; the others are 0 where no
        motion was measured. Call it in the order of the frames. Raises ValueError for another shape or dtype.
        """
        unmeasured = np.zeros(1 + CELLS * len(CHANNELS), dtype=np.float32)
        self._elapsed += 1
        # The rows of skipped frames stay unmeasured, so that every frame has one.
        if self._last is not None and self._elapsed % self.step:
            return unmeasured
        # The frame that was just measured, which sampling to a higher rate repeats.
        if self._last is not None and seconds is not None and seconds == self._seconds:
            return unmeasured
        sharp = _grey(frame)
        height, width = sharp.shape[0] // 2, sharp.shape[1] // 2
        grey = cv2.resize(sharp, (width, height), interpolation=cv2.INTER_AREA).astype(np.float32)
        new_size = self._last is None or self._last.grey.shape != grey.shape
        now = self._seconds + self._elapsed / self.fps if seconds is None else float(seconds)
        distance = self._distance(now)
        if self._last is None or self._sharp is None or self._cells is None or new_size:
            self._cells = MotionCells(height, width)
            return self._begin_shot(sharp, Moment.still(grey), now, unmeasured)
        if self._shots.repeats(float(cv2.absdiff(grey, self._last.grey).mean())):
            return unmeasured
        # None, which the stubs do not allow, because an array would be taken as the initial flow.
        flow = self._flow.calc(self._sharp, sharp, None)  # pyright: ignore[reportCallIssue, reportArgumentType]
        flow = cv2.resize(flow, (width, height), interpolation=cv2.INTER_AREA) / 2
        unexplained = self._cells.unexplained(self._last.grey, grey, flow)
        moment = Moment.still(grey)
        paused = distance > max(PAUSE_SECONDS, PAUSE_FRAMES / self.fps)
        if self._shots.cuts(unexplained, self._last.grey, grey) or paused:
            return self._begin_shot(sharp, moment, now, unmeasured)
        # Over repeats and skipped frames too, so that they do not change the speed.
        moment = Moment(grey, moment.edges, self._cells.velocity(flow, distance), distance)
        cells = self._cells.describe(self._last, moment, unexplained)
        self._keep(sharp, moment, now)
        return np.concatenate([np.ones(1, dtype=np.float32), cells.ravel()])

    def end(self) -> None:
        """Nothing: the row of every frame is known at once."""

    def segment(self, rows: np.ndarray) -> np.ndarray:
        """Rows [n, K] of a segment's frames, n >= 1, to float32 [feature_dim].

        A segment in which no motion was measured is described like a still one.
        """
        rows = np.asarray(rows)
        cells = rows[rows[:, 0] > 0, 1:].reshape(-1, CELLS, len(CHANNELS))
        if not len(cells):
            cells = np.zeros((1, CELLS, len(CHANNELS)), dtype=np.float32)
        return np.array(list(describe(_fill_acceleration(cells)).values()), dtype=np.float32)

    def _distance(self, now: float) -> float:
        """Seconds since the last measured frame."""
        nominal, distance = self._elapsed / self.fps, now - self._seconds
        return distance if distance > 0 and abs(distance - nominal) > ROUNDING_SECONDS else nominal

    def _begin_shot(self, sharp: np.ndarray, moment: Moment, now: float, row: np.ndarray) -> np.ndarray:
        self._keep(sharp, moment, now)
        row[0] = -1
        return row

    def _keep(self, sharp: np.ndarray, moment: Moment, now: float) -> None:
        self._sharp, self._last, self._elapsed, self._seconds = sharp, moment, 0, now


def _grey(frame: np.ndarray) -> np.ndarray:
    """uint8 [H, W] with a short side of SHORT_SIDE, both sides even."""
    frame = np.asarray(frame)
    grey_or_rgb = frame.ndim == 2 or (frame.ndim == 3 and frame.shape[2] in (1, 3))
    if frame.dtype != np.uint8 or not grey_or_rgb:
        raise ValueError(f"frame is {frame.dtype} {list(frame.shape)}, expected uint8 [H, W, 3]")
    if frame.ndim == 3:
        frame = cv2.cvtColor(frame, cv2.COLOR_RGB2GRAY) if frame.shape[2] == 3 else frame[..., 0]
    height, width = frame.shape
    short = min(height, width)
    size = [2 * round(SHORT_SIDE / 2 * min(side / short, MAX_ASPECT)) for side in (width, height)]
    return cv2.resize(frame, size, interpolation=cv2.INTER_AREA)


def _fill_acceleration(cells: np.ndarray) -> np.ndarray:
    """Give a shot's first velocity, which has none before it, the mean acceleration of the other frames."""
    number = INDEX["acceleration"]
    unknown = np.isnan(cells[:, 0, number])
    if unknown.any():
        cells = cells.copy()
        known = cells[~unknown, :, number]
        cells[unknown, :, number] = known.mean(axis=0) if len(known) else 0.0
    return cells
