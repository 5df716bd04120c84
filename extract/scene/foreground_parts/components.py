"""Boxes of the things in a mask: connected components, merged and split by the size at their place."""

from __future__ import annotations

import cv2
import numpy as np

from extract.scene.foreground_parts.region_sizes import Box, RegionSizes, merged, pieces

LEAST_AREA = 100  # pixels of a region, as in AI-VAD (arXiv 2212.00789)
LEAST_PIECE = 20  # pixels of a component that may be a piece of one
MOST_REGIONS = 50  # per frame, the largest
CLOSE = 5  # pixels between which gaps are closed


def boxes_of(foreground: np.ndarray, sizes: RegionSizes) -> list[Box]:
    """The regions of one mask, bool [H, W], the largest first; sizes learns from them."""
    height, width = foreground.shape
    # Single pixels go, small gaps close.
    mask = cv2.medianBlur(foreground.astype(np.uint8), 3)
    mask = cv2.morphologyEx(mask, cv2.MORPH_CLOSE, np.ones((CLOSE, CLOSE), np.uint8))
    count, labels, stats, _ = cv2.connectedComponentsWithStats(mask, connectivity=8)
    found: list[Box] = []
    whole: list[Box] = []
    for number in range(1, count):
        left, top, across, down, area = stats[number].tolist()
        if area < LEAST_PIECE:
            continue
        box = (left, top, left + across, top + down)
        if area >= LEAST_AREA:
            whole.append(box)
        found += pieces(box, labels == number, sizes)
    sizes.add(whole, width=width, height=height)
    kept = [box for box in merged(found, sizes) if (box[2] - box[0]) * (box[3] - box[1]) >= LEAST_AREA]
    kept.sort(key=lambda box: (-(box[2] - box[0]) * (box[3] - box[1]), box))
    return kept[:MOST_REGIONS]
