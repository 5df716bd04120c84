"""The mean velocity of every pixel along its own path, some frames back and some ahead.

Legs swing to and fro; whoever walks on stays slow along a path, and a bicycle stays fast.
"""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np

from extract.regions.frame_flow import REDUCED


def path_velocity(ahead: Sequence[np.ndarray], back: Sequence[np.ndarray]) -> np.ndarray:
    """Float32 [h, w, 2], pixels of the working size per frame; 0 without any field.

    ahead: flow [h, w, 2] from this frame to the next, from there to the one after it, ...; back: from this
    frame to the one before, ...
    """
    fields = [*ahead, *back]
    if not fields:
        raise ValueError("a path needs a field of flow at least")
    height, width = fields[0].shape[:2]
    columns, rows = np.meshgrid(np.arange(width, dtype=np.float32), np.arange(height, dtype=np.float32))
    total = np.zeros((height, width, 2), np.float32)
    for direction, path in ((1, ahead), (-1, back)):
        x, y = columns.copy(), rows.copy()
        for field in path:
            step = cv2.remap(field, x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
            x += step[..., 0] / REDUCED
            y += step[..., 1] / REDUCED
            total += direction * step
    return total / np.float32(len(fields))
