"""The motion of every pixel along its own path, some frames back and some ahead: its way, and its steps.

Legs swing to and fro; whoever walks on stays slow along a path, and a bicycle stays fast. Whoever fights goes
nowhere, by long steps.
"""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np

from extract.regions.frame_flow import REDUCED


def path_motion(ahead: Sequence[np.ndarray], back: Sequence[np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    """(mean velocity, float32 [h, w, 2]; mean length of a step, float32 [h, w]), pixels of the working size.

    ahead: flow [h, w, 2] from this frame to the next, from there to the one after it, ...; back: from this
    frame to the one before, ...
    """
    fields = [*ahead, *back]
    if not fields:
        raise ValueError("a path needs a field of flow at least")
    height, width = fields[0].shape[:2]
    columns, rows = np.meshgrid(np.arange(width, dtype=np.float32), np.arange(height, dtype=np.float32))
    total, steps = np.zeros((height, width, 2), np.float32), np.zeros((height, width), np.float32)
    for direction, path in ((1, ahead), (-1, back)):
        x, y = columns.copy(), rows.copy()
        for field in path:
            step = cv2.remap(field, x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
            x += step[..., 0] / REDUCED
            y += step[..., 1] / REDUCED
            total += direction * step
            # Not cv2.magnitude, whose last bit depends on where in memory its input lies.
            steps += np.sqrt(step[..., 0] ** 2 + step[..., 1] ** 2)
    count = np.float32(len(fields))
    return total / count, steps / count
