"""Frames of a folder of images, or of one video's images in a shared folder.

Numbers in the file names are native frame numbers, counted from the first image. With a constant step of s
(every tenth frame was kept), image k stands for native frames k * s to (k + 1) * s - 1. Missing numbers are
counted, and the image before a gap also stands for the gap, unless that would be half a day. The video ends
where its list says, if that is within the last step.
Folders have no clock: times follow from a nominal 25 frames per second.
"""

from __future__ import annotations

import itertools
import math
import re
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import numpy as np

from data_lists.video_checks import MOST_FRAMES
from extract.decode.open_video import NOMINAL_FPS, DecodedFrame, OpenVideo, ReadError
from extract.decode.sources import Source
from extract.runtime.foreign.foreign_error import ForeignFileError
from extract.runtime.foreign.pictures import read_rgb

# Half a day at 25 per second. Names that count further from one image to the next are dates or clocks.
MOST_FRAMES_PER_IMAGE = 1_000_000


def open_folder(source: Source, num_frames: int | None) -> OpenVideo:
    """Open the images of a source. num_frames: native frames according to the list, None = unknown."""
    frame_index, step = _native_frames(source.images)
    end = frame_index[-1] + step
    missing = end // step - len(frame_index)
    if num_frames is not None:
        if frame_index[-1] < num_frames < end:
            end = num_frames  # the last image stands for fewer frames than the step
        # Images that the list implies after the last one, rounded up.
        missing += max(0, -(-(num_frames - end) // step))
    first = _rgb(source.images[0])
    height, width = first.shape[:2]
    return OpenVideo(
        decoder="folder",
        fps=NOMINAL_FPS,
        width=width,
        height=height,
        frames=_frames(source, frame_index, end=end, size=(width, height)),
        header_num_frames=num_frames,
        frame_step=step,
        missing_frames=missing,
    )


def _native_frames(images: tuple[Path, ...]) -> tuple[list[int], int]:
    """The native frame number of every image and the step between them."""
    matches = [match for path in images if (match := re.fullmatch(r"(.*?)([0-9]+)([^0-9]*)", path.stem))]
    # All names must agree apart from the number: in a1, a2, b1 the digits are not frame numbers.
    if len(matches) < len(images) or len({(match[1], match[3]) for match in matches}) > 1:
        return list(range(len(images))), 1  # the names are not numbered, so only their order counts
    numbers = [int(match[2]) for match in matches]
    for before, after in itertools.pairwise(zip(numbers, images, strict=True)):
        if before[0] == after[0]:
            raise ReadError(f"two images for one frame: {before[1].name} and {after[1].name}")
    frame_index = [number - numbers[0] for number in numbers]
    step = math.gcd(*frame_index) or 1
    for before, after in itertools.pairwise(range(len(images))):
        if (frames := frame_index[after] - frame_index[before]) > MOST_FRAMES_PER_IMAGE:
            raise ReadError(
                f"{images[before].name} and {images[after].name} would be {frames} frames apart; "
                "if their names are dates or clocks, rename the images to frame numbers"
            )
    if frame_index[-1] + step > MOST_FRAMES:
        raise ReadError(f"the names of the images count to {frame_index[-1]}, more than {MOST_FRAMES} frames")
    return frame_index, step


def _frames(
    source: Source, frame_index: list[int], *, end: int, size: tuple[int, int]
) -> Iterator[DecodedFrame]:
    first = source.images[0]
    next_index = [*frame_index[1:], end]
    for path, index, after in zip(source.images, frame_index, next_index, strict=True):
        rgb = partial(_same_size, path, first, size)
        yield DecodedFrame(index, after, index / NOMINAL_FPS, after / NOMINAL_FPS, rgb)


def _same_size(path: Path, first: Path, size: tuple[int, int]) -> np.ndarray:
    rgb = _rgb(path)
    height, width = rgb.shape[:2]
    if (width, height) != size:
        raise ReadError(f"{first.name} is {size[0]}x{size[1]}, but {path.name} is {width}x{height}")
    return rgb


def _rgb(path: Path) -> np.ndarray:
    """uint8 [H, W, 3]. Raises ReadError for a truncated image and for more than 8 bits per channel."""
    try:
        return read_rgb(path)
    except ForeignFileError as error:
        raise ReadError(f"{path.name} {error.reason}") from None
