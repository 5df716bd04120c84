"""Which pixels of a frame belong to something: they differ from the still picture, or they move."""

from __future__ import annotations

import cv2
import numpy as np

from extract.regions.still_picture import difference

DIFFERENT = 18  # grey levels of 255, as in AI-VAD (arXiv 2212.00789)
SLIGHT = 8  # enough where something moves as well
MOVING = 1 / 40  # heights of the picture per second
# Pixels per frame below which flow is noise.
NOISE = 0.1
# What moves against the background of a camera that moves exceeds what is left of that motion by this.
RESIDUAL = 3
MOVING_SHARE = 0.4  # the picture of a camera that moves differs in more than this share of the pixels


def region_mask(
    grey: np.ndarray, picture: np.ndarray | None, velocity: np.ndarray, *, interval: float
) -> np.ndarray:
    """Bool [H, W]. grey: uint8 [H, W]. velocity: [h, w, 2], pixels of [H, W] per frame.

    picture: None for a camera that moves, before which only what moves against it is seen. interval: seconds
    between frames.
    """
    height, width = grey.shape
    length = cv2.magnitude(velocity[..., 0], velocity[..., 1])
    moves = cv2.resize(length, (width, height), interpolation=cv2.INTER_LINEAR)
    least = max(MOVING * height * interval, NOISE)
    if picture is None:
        return moves > max(least, RESIDUAL * float(np.median(length)))
    moves = moves > least
    apart = difference(grey, picture)
    different = apart > DIFFERENT
    if different.mean() > MOVING_SHARE:
        return moves
    return different | (moves & (apart > SLIGHT))
