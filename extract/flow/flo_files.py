"""Flow files of the Middlebury benchmark (.flo): "PIEH", width, height, then x and y of every pixel.

All numbers are little-endian. Baker et al.: A Database and Evaluation Methodology for Optical Flow, IJCV 2011
(https://vision.middlebury.edu/flow/).
"""

from __future__ import annotations

import contextlib
import errno
import os
from pathlib import Path

import numpy as np

from extract.runtime.atomic import writing
from extract.runtime.foreign.foreign_error import ForeignFileError, reading
from extract.runtime.foreign.pictures import MOST_PIXELS
from extract.runtime.foreign.regular_file import open_regular

MAGIC = b"PIEH"  # the bytes of the float32 202021.25, which check the byte order
HEADER_BYTES = 12
ORIGIN, OURS = "user.written_by", b"vad-extract flow"  # an extended attribute of files, and its value
UNKNOWN_FROM = 1e9  # a larger component means that the flow of the pixel is unknown


def write_flo(path: Path | str, flow: np.ndarray, *, tidy: bool = True) -> None:
    """Write flow float32 [2, H, W] in pixels, atomically. tidy: see AtomicFile. Raises ValueError for other
    shapes."""
    if flow.ndim != 3 or flow.shape[0] != 2:
        raise ValueError(f"flow is {flow.shape}, expected [2, H, W]")
    size = np.array(flow.shape[:0:-1], "<i4")  # width, height
    content = MAGIC + size.tobytes() + np.ascontiguousarray(flow.transpose(1, 2, 0), "<f4").tobytes()
    with writing(path, durable=False, tidy=tidy) as partial:
        partial.write_bytes(content)
        # Not in the content, whose length other readers check; some file systems keep no attributes.
        with contextlib.suppress(OSError, AttributeError):
            os.setxattr(partial, ORIGIN, OURS)


def is_ours(path: Path) -> bool:
    """Whether write_flo has written a file; without attributes of files, whether it is a .flo file."""
    with open_regular(path) as file:
        try:
            return os.getxattr(file.fileno(), ORIGIN) == OURS
        except (OSError, AttributeError) as error:
            return getattr(error, "errno", None) != errno.ENODATA and file.read(len(MAGIC)) == MAGIC


def read_flo(path: Path | str) -> np.ndarray:
    """float32 [2, H, W] in pixels; beyond +-1e9 flow is unknown. Raises ForeignFileError for other files."""
    with open_regular(path, expected="a .flo file") as file, reading(path, "a .flo file"):
        header, size = file.read(HEADER_BYTES), os.fstat(file.fileno()).st_size
        if header[:4] != MAGIC or len(header) < HEADER_BYTES:
            raise ForeignFileError(
                path, f"is not a .flo file: it starts with {header[:4]!r}, expected {MAGIC!r}"
            )
        width, height = (int(side) for side in np.frombuffer(header, "<i4", offset=4))
        expected = HEADER_BYTES + 8 * width * height
        if min(width, height) < 1 or size != expected or width * height > MOST_PIXELS:
            most = "" if width * height <= MOST_PIXELS else f", and at most {MOST_PIXELS} pixels"
            raise ForeignFileError(
                path, f"has {size} bytes, expected {expected} for {width}x{height} pixels{most}"
            )
        flow = np.frombuffer(file.read(expected - HEADER_BYTES), "<f4").reshape(height, width, 2)
    return flow.transpose(2, 0, 1).astype(np.float32)
