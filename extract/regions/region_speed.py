"""How fast a region moves: percentiles of the speed of its pixels, its fastest and its most restless part."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np

FEWEST = 4  # pixels of the mask below which the whole box counts
PERCENTILES = (50, 90)
PART = 1 / 24  # side of a part, in heights of the picture: 10 of 240 pixels
FILLED = 0.5  # of a part, by the mask


def speed_of_parts(length: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """The mean speed in the square around each pixel, of the mask's pixels: float32 [h, w].

    length: float32 [h, w], the speed of pixels. 0 where the mask fills less than FILLED of the square. One
    bicycle in a crowd that is one region is a part of it, and a swinging leg is not.
    """
    side = max(1, round(PART * len(length)))
    own = mask.astype(np.float32)
    total, share = (
        cv2.boxFilter(each, -1, (side, side), normalize=True, borderType=cv2.BORDER_CONSTANT)
        for each in (length * own, own)
    )
    return np.where(share >= FILLED, total / np.maximum(share, 1e-6), 0).astype(np.float32)


def region_speed(
    length: np.ndarray, parts: Sequence[np.ndarray], mask: np.ndarray, box: np.ndarray
) -> np.ndarray:
    """PERCENTILES of the speed of the mask's pixels in a box, then the highest of each of `parts`: float32.

    length, mask, each of parts: [h, w], see speed_of_parts. box: left, top, right, bottom in their pixels.
    """
    left, top, right, bottom = box
    place = (
        slice(max(0, int(top)), max(int(top) + 1, int(np.ceil(bottom)))),
        slice(max(0, int(left)), max(int(left) + 1, int(np.ceil(right)))),
    )
    inside, own = length[place].ravel(), mask[place].ravel()
    if own.sum() >= FEWEST:
        inside = inside[own]
    if not len(inside):
        return np.zeros(len(PERCENTILES) + len(parts), np.float32)
    usual = np.percentile(inside, PERCENTILES)
    return np.array([*usual, *(each[place].max() for each in parts)], np.float32)
