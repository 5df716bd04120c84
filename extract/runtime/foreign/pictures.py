"""Pictures of other people: the formats that we name, of a limited size.

Pillow would also try formats that start other programs (PostScript starts Ghostscript), whatever the suffix
says.
"""

from __future__ import annotations

import contextlib
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

import numpy as np

from extract.runtime.foreign.foreign_error import ForeignFileError, reading
from extract.runtime.foreign.regular_file import open_regular

if TYPE_CHECKING:
    from PIL import Image

FORMATS = ("PNG", "JPEG", "TIFF", "BMP", "WEBP", "GIF")
# Pillow's modes of 8 bits per channel.
EIGHT_BIT = ("1", "L", "LA", "P", "PA", "RGB", "RGBA", "RGBX", "CMYK", "YCbCr", "LAB", "HSV")
MOST_PIXELS = 1 << 26  # 8192 x 8192; 8K video has half of it
TILE_WIDTH, TILE_HEIGHT = 322, 323  # tags of TIFF
PICTURE = "a PNG, JPEG, TIFF, BMP, WebP or GIF image"


@contextlib.contextmanager
def open_picture(path: Path | str, *, file: BinaryIO | None = None) -> Iterator[Image.Image]:
    """The image, whose pixels are decoded on use. file: its bytes, where it is a part of another file.

    Raises ForeignFileError, also for errors in the block.
    """
    # Late, because a list of videos is read without Pillow.
    from PIL import Image

    with file or open_regular(path, expected="an image") as content, reading(path, PICTURE):
        with warnings.catch_warnings():
            # Of pixels beyond a limit of Pillow's own, which lies above ours.
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)
            image = Image.open(content, formats=FORMATS)
        with image:
            _check_pixels(path, "", image.width, image.height)
            if image.format == "TIFF":
                tags = getattr(image, "tag_v2", {})
                # A tile may be larger than its image, and is decoded whole.
                _check_pixels(path, "tiles of ", int(tags.get(TILE_WIDTH, 0)), int(tags.get(TILE_HEIGHT, 0)))
            yield image


def read_rgb(path: Path | str, *, file: BinaryIO | None = None, page: int = 0) -> np.ndarray:
    """uint8 [H, W, 3], turned and mirrored as its EXIF orientation says. page: of a multi-page image.

    Raises ForeignFileError, also for more than 8 bits per channel.
    """
    from PIL import ImageOps

    with open_picture(path, file=file) as image:
        if page:
            image.seek(page)
        if image.mode not in EIGHT_BIT:
            raise ForeignFileError(path, f"has pixels of mode {image.mode}, expected 8 bits per channel")
        return np.asarray(ImageOps.exif_transpose(image).convert("RGB"))


def _check_pixels(path: Path | str, what: str, width: int, height: int) -> None:
    if width * height > MOST_PIXELS:
        size = f"{what}{width}x{height} pixels"
        raise ForeignFileError(path, f"has {size}, more than the {MOST_PIXELS} that are decoded")
