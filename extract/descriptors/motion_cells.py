"""Flow and grey levels at one moment, averaged over a grid of cells."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from extract.descriptors.camera_motion import CameraMotion

ROWS, COLUMNS = 6, 8
CELLS = ROWS * COLUMNS
DIRECTIONS = 8  # bins of flow direction over 360 degrees; bin 0 is right, bin 2 is down
AXES = 4  # bins of motion boundaries over 180 degrees: a boundary has no direction

QUANTITIES = (
    "speed",
    "speed_squared",
    "speed_fourth",
    "right",
    "down",
    "acceleration",
    "divergence",
    "curl",
    "boundary",
    "difference",
    "unexplained",
    "edge_change",
    "edges",
)
CHANNELS = (
    *QUANTITIES,
    *(f"direction_{k}" for k in range(DIRECTIONS)),
    *(f"boundary_axis_{k}" for k in range(AXES)),
)


@dataclass(frozen=True)
class Moment:
    """A frame and the motion that led to it; all arrays are float32 [H, W]."""

    grey: np.ndarray
    edges: np.ndarray  # gradient magnitude of grey
    velocity: tuple[np.ndarray, np.ndarray] | None = None  # right and down, frame heights per second
    seconds: float = 0.0  # over which the velocity was measured

    @classmethod
    def still(cls, grey: np.ndarray) -> Moment:
        """A frame without a known motion before it."""
        right = cv2.Sobel(grey, cv2.CV_32F, 1, 0, scale=1 / 8)
        down = cv2.Sobel(grey, cv2.CV_32F, 0, 1, scale=1 / 8)
        return cls(grey, length(right, down))


class MotionCells:
    """Averages flow fields of one size over cells."""

    def __init__(self, height: int, width: int):
        self.height = height
        self.camera = CameraMotion(height, width)
        self._y, self._x = np.mgrid[:height, :width].astype(np.float32)
        row, column = np.arange(height) * ROWS // height, np.arange(width) * COLUMNS // width
        self._cell = (row[:, None] * COLUMNS + column[None]).astype(np.int32)
        self._cell_pixels = np.bincount(self._cell.ravel(), minlength=CELLS)[:, None]

    def unexplained(self, before: np.ndarray, after: np.ndarray, flow: np.ndarray) -> np.ndarray:
        """Grey levels [H, W] by which a frame differs from the next one, warped back by flow [H, W, 2]."""
        x, y = self._x + flow[..., 0], self._y + flow[..., 1]
        returned = cv2.remap(after, x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
        return cv2.absdiff(returned, before)

    def velocity(self, flow: np.ndarray, seconds: float) -> tuple[np.ndarray, np.ndarray]:
        """Flow minus the camera's motion, in frame heights per second: right and down."""
        scale = 1 / (self.height * seconds)
        right, down = self.camera.remove(flow)
        return right * scale, down * scale

    def describe(self, before: Moment, after: Moment, unexplained: np.ndarray) -> np.ndarray:
        """Means over cells: float32 [CELLS, len(CHANNELS)]. Grey-level changes are per 1/25 s.

        Acceleration is NaN if `before` has no velocity; `after` must have one.
        """
        if after.velocity is None:
            raise ValueError("the later moment has no velocity")
        right, down = after.velocity
        # Grey-level changes grow with the time between frames, so scale them to one frame at 25 per second.
        rate = 1 / (25 * after.seconds)
        speed, angle = cv2.cartToPolar(right, down)
        squared = speed * speed
        right_x, right_y = self._gradient(right)
        down_x, down_y = self._gradient(down)
        boundary_right, angle_right = cv2.cartToPolar(right_x, right_y)
        boundary_down, angle_down = cv2.cartToPolar(down_x, down_y)
        fields = (
            speed,
            squared,
            squared * squared,
            right,
            down,
            self._acceleration(before, after, like=speed),
            np.abs(right_x + down_y),
            np.abs(down_x - right_y),
            length(boundary_right, boundary_down),
            cv2.absdiff(after.grey, before.grey) * rate,
            unexplained * rate,
            cv2.absdiff(after.edges, before.edges) * rate,
            after.edges,
        )
        # INTER_AREA averages over the cell, also where its borders cut through pixels.
        means = [cv2.resize(field, (COLUMNS, ROWS), interpolation=cv2.INTER_AREA).ravel() for field in fields]
        directions = self._histogram(angle * (DIRECTIONS / (2 * np.pi)), speed, DIRECTIONS)
        axes = self._histogram(angle_right * (AXES / np.pi), boundary_right, AXES)
        axes += self._histogram(angle_down * (AXES / np.pi), boundary_down, AXES)
        return np.concatenate([np.stack(means, axis=1), directions, axes], axis=1).astype(np.float32)

    def _gradient(self, field: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Derivatives along x and y, per frame height."""
        scale = self.height / 8
        along_x = cv2.Sobel(field, cv2.CV_32F, 1, 0, scale=scale)
        return along_x, cv2.Sobel(field, cv2.CV_32F, 0, 1, scale=scale)

    def _acceleration(self, before: Moment, after: Moment, *, like: np.ndarray) -> np.ndarray:
        """Magnitude in frame heights per second squared at fixed positions; NaN shaped `like` if unknown."""
        if before.velocity is None or after.velocity is None:
            return np.full_like(like, np.nan)
        between = (before.seconds + after.seconds) / 2
        change = [new - old for new, old in zip(after.velocity, before.velocity, strict=True)]
        return length(*change) / between

    def _histogram(self, position: np.ndarray, weight: np.ndarray, count: int) -> np.ndarray:
        """Cyclic bins [CELLS, count] centred at integers; a pixel splits its weight between two bins."""
        low = np.floor(position)
        upper_share = position - low
        low = low.astype(np.int32) % count
        first = self._cell * count
        size = CELLS * count
        # One bincount over cell and bin together is much faster than a loop over cells.
        total = np.bincount((first + low).ravel(), ((1 - upper_share) * weight).ravel(), size)
        total += np.bincount((first + (low + 1) % count).ravel(), (upper_share * weight).ravel(), size)
        return total.reshape(CELLS, count) / self._cell_pixels


def length(right: np.ndarray, down: np.ndarray) -> np.ndarray:
    """Length of vectors; rounding in cv2.magnitude depends on the addresses of its arguments."""
    return np.sqrt(right * right + down * down)
