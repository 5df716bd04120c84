"""What a camera that stands still sees when nobody is there: the median of frames before and after."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np

SAMPLES = 41  # frames whose median it is
BLUR = 3  # pixels, as of AI-VAD's differences (Reiss & Hoshen, arXiv 2212.00789)


def still_picture(frames: Sequence[np.ndarray]) -> np.ndarray:
    """uint8 [H, W] each, at least one -> float32 [H, W], blurred as `blurred` does."""
    chosen = np.unique(np.linspace(0, len(frames) - 1, min(SAMPLES, len(frames))).astype(int))
    return np.median(np.stack([cv2.blur(frames[place], (BLUR, BLUR)) for place in chosen]), axis=0).astype(
        np.float32
    )


def difference(frame: np.ndarray, picture: np.ndarray) -> np.ndarray:
    """How much a frame, uint8 [H, W], differs from the picture in grey levels, float32 [H, W]."""
    return np.abs(cv2.blur(frame, (BLUR, BLUR)).astype(np.float32) - picture)
