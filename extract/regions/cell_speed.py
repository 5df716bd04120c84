"""How fast each cell of a frame moves, from the flow that regions are found by."""

from __future__ import annotations

import cv2
import numpy as np

from extract.descriptors.speed_map import CELL, COLUMNS, ROWS, in_cells
from extract.regions.frame_flow import REDUCED

SIDE = CELL // REDUCED  # pixels of a cell


def cells_of(length: np.ndarray) -> np.ndarray:
    """Lengths float32 [h, w] of any shape -> the percentile of each cell, float32 [ROWS, COLUMNS]."""
    size = COLUMNS * SIDE, ROWS * SIDE
    return in_cells(cv2.resize(length, size, interpolation=cv2.INTER_LINEAR))
