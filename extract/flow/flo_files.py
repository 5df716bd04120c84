"""Flow files of the Middlebury benchmark (.flo): "PIEH", width, height, then x and y of every pixel.

All little-endian. Baker et al.: A Database and Evaluation Methodology for Optical Flow, IJCV 2011
(https://vision.middlebury.edu/flow/).
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from extract.runtime.atomic import write_bytes

MAGIC = b"PIEH"  # the bytes of 202021.25 as float32: a check of the byte order
UNKNOWN_FROM = 1e9  # a component beyond this means that the flow of the pixel is not known


def write_flo(path: Path | str, flow: np.ndarray) -> None:
    """flow: float32 [2, H, W] in pixels; the file is whole or not there. ValueError for other shapes."""
    if flow.ndim != 3 or flow.shape[0] != 2:
        raise ValueError(f"flow is {flow.shape}, expected [2, H, W]")
    size = np.array(flow.shape[:0:-1], "<i4")  # width, height
    content = MAGIC + size.tobytes() + np.ascontiguousarray(flow.transpose(1, 2, 0), "<f4").tobytes()
    write_bytes(path, content, durable=False)


def read_flo(path: Path | str) -> np.ndarray:
    """float32 [2, H, W]; unknown where a component is beyond +-1e9. ValueError for a file that is no .flo."""
    content = Path(path).read_bytes()
    if content[:4] != MAGIC or len(content) < 12:
        raise ValueError(f"{path} is not a .flo file: it begins with {content[:4]!r}, expected {MAGIC!r}")
    width, height = (int(side) for side in np.frombuffer(content, "<i4", count=2, offset=4))
    expected = 12 + 8 * width * height
    if min(width, height) < 1 or len(content) != expected:
        raise ValueError(f"{path} has {len(content)} bytes, expected {expected} for {width}x{height} pixels")
    flow = np.frombuffer(content, "<f4", offset=12).reshape(height, width, 2)
    return flow.transpose(2, 0, 1).astype(np.float32)
