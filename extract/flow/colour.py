"""Flow as an image in the colour coding of the Middlebury benchmark: hue is direction, saturation is speed.

Baker et al., IJCV 2011 (https://vision.middlebury.edu/flow/). The wheel passes through six colours, with as
many steps between two of them as the eye can distinguish.
"""

from __future__ import annotations

import numpy as np

from extract.flow.flo_files import UNKNOWN_FROM

# (RGB colour at the start of an arc, steps to the next one); the wheel is closed.
ARCS = (
    ((1, 0, 0), 15),  # red to yellow
    ((1, 1, 0), 6),  # yellow to green
    ((0, 1, 0), 4),  # green to cyan
    ((0, 1, 1), 11),  # cyan to blue
    ((0, 0, 1), 13),  # blue to magenta
    ((1, 0, 1), 6),  # magenta to red
)


def colour_wheel() -> np.ndarray:
    """float64 [55, 3], RGB in whole levels over 255."""
    rows = []
    for (start, steps), (end, _) in zip(ARCS, ARCS[1:] + ARCS[:1], strict=True):
        for step in range(steps):
            rising = np.floor(255 * step / steps)
            # A falling channel is 255 minus the rounded part, so both directions round the same way.
            rows.append(255 * np.array(start) + rising * (np.array(end) - start))
    return np.array(rows, float) / 255


def flow_to_rgb(flow: np.ndarray, *, largest: float | None = None) -> np.ndarray:
    """float [2, H, W] in pixels -> RGB uint8 [H, W, 3]: white is no motion, full colour is `largest` pixels.

    Faster motion is darker; None = the speed of the fastest pixel. Unknown flow (not finite, or beyond 1e9)
    is black.
    """
    known = np.isfinite(flow).all(axis=0) & (np.abs(flow) <= UNKNOWN_FROM).all(axis=0)
    x, y = np.where(known, flow, 0).astype(np.float64)
    speed = np.hypot(x, y)
    full = float(speed.max()) if largest is None else largest
    speed = speed / full if full > 0 else speed
    wheel = colour_wheel()
    position = (np.arctan2(-y, -x) / np.pi + 1) / 2 * (len(wheel) - 1)
    lower = position.astype(int)
    share = (position - lower)[..., None]
    colour = (1 - share) * wheel[lower] + share * wheel[(lower + 1) % len(wheel)]
    speed = speed[..., None]
    # Below the full speed colours fade to white; beyond it they are darkened.
    colour = np.where(speed <= 1, 1 - speed * (1 - colour), 0.75 * colour)
    return np.where(np.expand_dims(known, -1), np.floor(255 * colour), 0).astype(np.uint8)
