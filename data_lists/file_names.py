"""What file names say before a file is opened: which are videos, which are images, and their order."""

from __future__ import annotations

import os
import re

VIDEO_SUFFIXES = frozenset(
    ".mp4 .m4v .mov .avi .mkv .webm .mpg .mpeg .m2v .ts .mts .m2ts .wmv .asf .flv .f4v .3gp .3g2 .ogv .vob "
    ".mxf .dav .h264 .264 .h265 .265 .hevc .mjpeg .mjpg .y4m .gif".split()
)
ARCHIVES = frozenset((".zip",))  # of the frames of one video
PAGED = frozenset((".tif", ".tiff", ".webp"))  # images that may have the frames of a video as pages
IMAGE_SUFFIXES = frozenset(".jpg .jpeg .png .tif .tiff .bmp .webp".split())


def is_image(name: str) -> bool:
    """Whether a file's name is that of an image; hidden files, such as macOS's ._1.png, are none."""
    return not name.startswith(".") and os.path.splitext(name)[1].lower() in IMAGE_SUFFIXES


def natural_key(name: str) -> list[tuple[int, str]]:
    """Sorts frame_2 before frame_10: digits compare as numbers, everything else as text."""
    # Every second part is digits, and no other: "²" would count as one, but is no number.
    parts = re.split(r"([0-9]+)", name)
    return [(int(part), part) if place % 2 else (-1, part) for place, part in enumerate(parts)]
