"""The zone of a picture that is ignored: blacked out before anything looks at it, or keeps it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from extract.runtime.foreign.foreign_error import ForeignFileError
from extract.runtime.foreign.pictures import read_rgb

GREY = 128  # levels of a mask image from which on a pixel is white


def mask_of_image(path: Path) -> np.ndarray:
    """bool [H, W], True where an image is white. Raises ForeignFileError."""
    white = read_rgb(path).max(axis=2) >= GREY
    if not white.any():
        raise ForeignFileError(path, "has no white pixel, expected white where the picture is ignored")
    return white


def mask_of_polygons(polygons: Sequence[Sequence[tuple[float, float]]], size: tuple[int, int]) -> np.ndarray:
    """bool [H, W], True inside any polygon: points (x, y) in pixels of a picture of size (width, height)."""
    import cv2

    mask = np.zeros((size[1], size[0]), np.uint8)
    for points in polygons:  # one by one: together, what two of them cover would stay
        cv2.fillPoly(mask, [np.array(points, np.float64).round().astype(np.int32)], 1)
    return mask.astype(bool)


class Zone:
    """Blacks out a mask bool [H, W], scaled to pictures of any size by its nearest pixels."""

    def __init__(self, ignored: np.ndarray | None):
        self.ignored = ignored
        self._fitted: np.ndarray | None = None

    def black_out(self, pixels: np.ndarray) -> np.ndarray:
        """uint8 [H, W, 3], changed in place where it can be."""
        if self.ignored is None:
            return pixels
        height, width = pixels.shape[:2]
        if self._fitted is None or self._fitted.shape != (height, width):
            rows = (np.arange(height) + 0.5) * self.ignored.shape[0] / height
            columns = (np.arange(width) + 0.5) * self.ignored.shape[1] / width
            self._fitted = self.ignored[rows.astype(int)[:, None], columns.astype(int)[None]]
        pixels = pixels if pixels.flags.writeable else pixels.copy()
        pixels[self._fitted] = 0
        return pixels
