"""Flow files of the Middlebury benchmark (.flo): "PIEH", width, height, then x and y of every pixel.

All numbers are little-endian. Baker et al.: A Database and Evaluation Methodology for Optical Flow, IJCV 2011
(https://vision.middlebury.edu/flow/).
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from extract.runtime.atomic import write_bytes

MAGIC = b"PIEH"  # the bytes of the float32 202021.25, which check the byte order
UNKNOWN_FROM = 1e9  # a larger component means that the flow of the pixel is unknown


def write_flo(path: Path | str, flow: np.ndarray, *, tidy: bool = True) -> None:
    """Write flow float32 [2, H, W] in pixels, atomically. tidy: see AtomicFile. Raises ValueError for other
    shapes."""
    if flow.ndim != 3 or flow.shape[0] != 2:
        raise ValueError(f"flow is {flow.shape}, expected [2, H, W]")
    size = np.array(flow.shape[:0:-1], "<i4")  # width, height
    content = MAGIC + size.tobytes() + np.ascontiguousarray(flow.transpose(1, 2, 0), "<f4").tobytes()
    write_bytes(path, content, durable=False, tidy=tidy)


def read_flo(path: Path | str) -> np.ndarray:
    """float32 [2, H, W] in pixels; beyond +-1e9 flow is unknown. Raises ValueError for any other file."""
    content = Path(path).read_bytes()
    if content[:4] != MAGIC or len(content) < 12:
        raise ValueError(f"{path} is not a .flo file: it starts with {content[:4]!r}, expected {MAGIC!r}")
    width, height = (int(side) for side in np.frombuffer(content, "<i4", count=2, offset=4))
    expected = 12 + 8 * width * height
    if min(width, height) < 1 or len(content) != expected:
        raise ValueError(f"{path} has {len(content)} bytes, expected {expected} for {width}x{height} pixels")
    flow = np.frombuffer(content, "<f4", offset=12).reshape(height, width, 2)
    return flow.transpose(2, 0, 1).astype(np.float32)
