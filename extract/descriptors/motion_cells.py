"""Flow and pictures of one moment, summed up in a grid of cells."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from extract.descriptors.camera_motion import CameraMotion

ROWS, COLUMNS = 6, 8
CELLS = ROWS * COLUMNS
DIRECTIONS = 8  # of flow, over the whole turn; bin 0 is to the right, bin 2 down
AXES = 4  # of motion boundaries, over half a turn: a boundary has no direction

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
    """A picture, its edges (gradient magnitude) and the field that led to it: all float32 [H, W].

    velocity: right and down in frame heights a second; None where none was measured.
    seconds: over which it was measured.
    """

    picture: np.ndarray
    edges: np.ndarray
    velocity: tuple[np.ndarray, np.ndarray] | None = None
    seconds: float = 0.0

    @classmethod
    def still(cls, picture: np.ndarray) -> Moment:
        """A picture that nothing is known to have led to."""
        right = cv2.Sobel(picture, cv2.CV_32F, 1, 0, scale=1 / 8)
        down = cv2.Sobel(picture, cv2.CV_32F, 0, 1, scale=1 / 8)
        return cls(picture, length(right, down))


class MotionCells:
    """Makes cells from flow fields of one size."""

    def __init__(self, height: int, width: int):
        self.height = height
        self.camera = CameraMotion(height, width)
        self._y, self._x = np.mgrid[:height, :width].astype(np.float32)
        row, column = np.arange(height) * ROWS // height, np.arange(width) * COLUMNS // width
        self._cell = (row[:, None] * COLUMNS + column[None]).astype(np.int32)
        self._cell_pixels = np.bincount(self._cell.ravel(), minlength=CELLS)[:, None]

    def unexplained(self, before: np.ndarray, after: np.ndarray, flow: np.ndarray) -> np.ndarray:
        """Absolute grey levels [H, W] between a picture and the next, brought back along flow [H, W, 2]."""
        x, y = self._x + flow[..., 0], self._y + flow[..., 1]
        returned = cv2.remap(after, x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
        return cv2.absdiff(returned, before)

    def velocity(self, flow: np.ndarray, seconds: float) -> tuple[np.ndarray, np.ndarray]:
        """Flow without the camera's part, in frame heights a second."""
        scale = 1 / (self.height * seconds)
        right, down = self.camera.remove(flow)
        return right * scale, down * scale

    def describe(self, before: Moment, after: Moment, unexplained: np.ndarray) -> np.ndarray:
        """Means over cells: float32 [CELLS, len(CHANNELS)]. Pictures' changes are per 1/25 s.

        Acceleration is NaN where `before` has no velocity.
        """
        right, down = after.velocity
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
            self._acceleration(before, after),
            np.abs(right_x + down_y),
            np.abs(down_x - right_y),
            length(boundary_right, boundary_down),
            cv2.absdiff(after.picture, before.picture) * rate,
            unexplained * rate,
            cv2.absdiff(after.edges, before.edges) * rate,
            after.edges,
        )
        means = [cv2.resize(field, (COLUMNS, ROWS), interpolation=cv2.INTER_AREA).ravel() for field in fields]
        directions = self._histogram(angle * (DIRECTIONS / (2 * np.pi)), speed, DIRECTIONS)
        axes = self._histogram(angle_right * (AXES / np.pi), boundary_right, AXES)
        axes += self._histogram(angle_down * (AXES / np.pi), boundary_down, AXES)
        return np.concatenate([np.stack(means, axis=1), directions, axes], axis=1).astype(np.float32)

    def _gradient(self, field: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Along x and y, per frame height."""
        scale = self.height / 8
        along_x = cv2.Sobel(field, cv2.CV_32F, 1, 0, scale=scale)
        return along_x, cv2.Sobel(field, cv2.CV_32F, 0, 1, scale=scale)

    def _acceleration(self, before: Moment, after: Moment) -> np.ndarray:
        """Magnitude, in frame heights a second squared, at fixed places."""
        if before.velocity is None:
            return np.full_like(after.velocity[0], np.nan)
        between = (before.seconds + after.seconds) / 2
        change = [new - old for new, old in zip(after.velocity, before.velocity, strict=True)]
        return length(*change) / between

    def _histogram(self, position: np.ndarray, weight: np.ndarray, count: int) -> np.ndarray:
        """Cyclic bins [CELLS, count] centred at whole positions; a pixel shares its weight between two."""
        low = np.floor(position)
        upper_share = position - low
        low = low.astype(np.int32) % count
        first = self._cell * count
        size = CELLS * count
        total = np.bincount((first + low).ravel(), ((1 - upper_share) * weight).ravel(), size)
        total += np.bincount((first + (low + 1) % count).ravel(), (upper_share * weight).ravel(), size)
        return total.reshape(CELLS, count) / self._cell_pixels


def length(right: np.ndarray, down: np.ndarray) -> np.ndarray:
    """Of vectors; cv2.magnitude rounds by where in memory its arguments lie."""
    return np.sqrt(right * right + down * down)
