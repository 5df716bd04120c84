"""Squares around boxes, at the size that a network takes."""

from __future__ import annotations

import cv2
import numpy as np


def square_crop(picture: np.ndarray, box: np.ndarray, *, size: int, margin: float) -> np.ndarray:
    """uint8 [H, W, 3] -> uint8 [size, size, 3] around the middle of a box: left, top, right, bottom.

    The side is margin times the longer side of the box, so that shapes are kept; beyond the border the
    picture's outermost pixels repeat.
    """
    left, top, right, bottom = (float(each) for each in box)
    side = max(right - left, bottom - top, 1.0) * margin
    scale = size / side
    x, y = (left + right) / 2, (top + bottom) / 2
    # Pixel centres lie at halves: the crop's pixel i shows the place (i + 0.5) / scale of the square.
    shift = size / 2 - 0.5
    matrix = np.array(
        [[scale, 0, shift - (x - 0.5) * scale], [0, scale, shift - (y - 0.5) * scale]], np.float32
    )
    # Reduced by areas, because single pixels of a large thing are noise.
    if scale < 0.5:
        factor = int(1 / scale)
        picture = cv2.resize(picture, None, fx=1 / factor, fy=1 / factor, interpolation=cv2.INTER_AREA)
        return square_crop(picture, np.asarray(box) / factor, size=size, margin=margin)
    return cv2.warpAffine(
        picture, matrix, (size, size), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE
    )
