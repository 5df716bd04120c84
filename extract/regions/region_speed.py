"""How fast a region moves: percentiles of the speed of its own pixels, because boxes hold background too."""

from __future__ import annotations

import numpy as np

FEWEST = 4  # pixels of the mask below which the whole box counts
PERCENTILES = (50, 75, 90)


def region_speed(velocity: np.ndarray, mask: np.ndarray, box: np.ndarray) -> np.ndarray:
    """Float32 [5]: PERCENTILES of the length, then the median right and down, as the velocity has them.

    velocity: [h, w, 2]. mask: bool [h, w]. box: left, top, right, bottom in their pixels.
    """
    left, top, right, bottom = box
    place = (
        slice(max(0, int(top)), max(int(top) + 1, int(np.ceil(bottom)))),
        slice(max(0, int(left)), max(int(left) + 1, int(np.ceil(right)))),
    )
    inside, own = velocity[place].reshape(-1, 2), mask[place].ravel()
    if own.sum() >= FEWEST:
        inside = inside[own]
    if not len(inside):
        return np.zeros(len(PERCENTILES) + 2, np.float32)
    lengths = np.percentile(np.hypot(inside[:, 0], inside[:, 1]), PERCENTILES)
    return np.concatenate([lengths, np.median(inside, axis=0)]).astype(np.float32)
