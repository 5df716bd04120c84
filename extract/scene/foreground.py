"""Whatever moves before a camera that stands still, without any weights: people, bicycles, carts, animals.

A background model marks the pixels that differ, connected components become boxes, and boxes are merged and
split by the size that things have at that place. Whoever stands still for some seconds belongs to the
background; a camera that moves shows nothing.
"""

from __future__ import annotations

import cv2
import numpy as np

from extract.scene.foreground_parts.background_model import BackgroundModel
from extract.scene.foreground_parts.region_sizes import Box, RegionSizes, merged, pieces
from extract.scene.people import NOBODY, People, make_people

SHORT_SIDE = 480  # pixels; larger frames are reduced to it
LEAST_AREA = 100  # pixels of a region, as in AI-VAD (arXiv 2212.00789)
LEAST_PIECE = 20  # pixels of a component that may be a piece of one
MOST_REGIONS = 50  # per frame, the largest
CLOSE = 5  # pixels between which gaps are closed


class ForegroundDetector:
    """Finds the regions of one video, in the order of its frames. fps: of the frames that it is given."""

    def __init__(self, fps: float):
        cv2.setNumThreads(1)
        self.model, self.sizes = BackgroundModel(fps), RegionSizes()

    def __call__(self, frames: np.ndarray) -> list[People]:
        """uint8 [n, H, W, 3] of the next frames -> the regions of each, with score 1."""
        # The last bits of IPP's results depend on the address of an array.
        cv2.ipp.setUseIPP(False)
        return [self._find(frame) for frame in frames]

    def _find(self, frame: np.ndarray) -> People:
        grey = cv2.cvtColor(frame, cv2.COLOR_RGB2GRAY)
        factor = max(1.0, min(grey.shape) / SHORT_SIDE)
        if factor > 1:
            size = round(grey.shape[1] / factor), round(grey.shape[0] / factor)
            grey = cv2.resize(grey, size, interpolation=cv2.INTER_AREA)
        foreground, begins = self.model.foreground(grey)
        if begins:
            return NOBODY
        boxes = self._regions(foreground)
        scale = np.array([frame.shape[1] / grey.shape[1], frame.shape[0] / grey.shape[0]] * 2)
        return make_people(np.array(boxes, float).reshape(-1, 4) * scale)

    def _regions(self, foreground: np.ndarray) -> list[Box]:
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
            found += pieces(box, labels == number, self.sizes)
        self.sizes.add(whole, width=width, height=height)
        kept = [
            box for box in merged(found, self.sizes) if (box[2] - box[0]) * (box[3] - box[1]) >= LEAST_AREA
        ]
        kept.sort(key=lambda box: (-(box[2] - box[0]) * (box[3] - box[1]), box))
        return kept[:MOST_REGIONS]
