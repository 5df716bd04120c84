"""Whatever moves before a camera that stands still, without any weights: people, bicycles, carts, animals.

A background model marks the pixels that differ, connected components become boxes, and boxes are merged and
split by the size that things have at that place. Whoever stands still for some seconds belongs to the
background; a camera that moves shows nothing.
"""

from __future__ import annotations

import cv2
import numpy as np

from extract.scene.foreground_parts.background_model import BackgroundModel
from extract.scene.foreground_parts.components import boxes_of
from extract.scene.foreground_parts.region_sizes import RegionSizes
from extract.scene.people import NOBODY, People, make_people

SHORT_SIDE = 480  # pixels; larger frames are reduced to it


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
        boxes = boxes_of(foreground, self.sizes)
        scale = np.array([frame.shape[1] / grey.shape[1], frame.shape[0] / grey.shape[0]] * 2)
        return make_people(np.array(boxes, float).reshape(-1, 4) * scale)
