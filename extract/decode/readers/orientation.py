"""How a video's picture is turned and mirrored before it is shown: its display matrix."""

from __future__ import annotations

import numpy as np

DISPLAY_MATRIX = "DISPLAYMATRIX"


def upright(rgb: np.ndarray, matrix: tuple[int, int, int, int]) -> np.ndarray:
    """[H, W, 3] as it is shown. matrix: (a, b, c, d) of x' = a x + c y, y' = b x + d y, any scale.

    ISO/IEC 14496-12, 8.3.2: the matrix maps stored to shown coordinates. Rotations by other angles than
    quarter turns are rounded to the nearest one.
    """
    a, b, c, d = matrix
    if abs(b) + abs(c) > abs(a) + abs(d):
        rgb, across, down = rgb.transpose(1, 0, 2), c, b
    else:
        across, down = a, d
    rgb = rgb[:, ::-1] if across < 0 else rgb
    rgb = rgb[::-1] if down < 0 else rgb
    return np.ascontiguousarray(rgb)


def frame_matrix(frame) -> tuple[int, int, int, int] | None:
    """The part of an av frame's display matrix that turns and mirrors; None if there is none."""
    if DISPLAY_MATRIX not in frame.side_data:
        return None
    a, b, _, c, d, *_ = np.frombuffer(bytes(frame.side_data[DISPLAY_MATRIX]), np.int32).tolist()
    return None if (b, c) == (0, 0) and a > 0 and d > 0 else (a, b, c, d)
