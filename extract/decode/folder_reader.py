"""Pictures of a folder of frames, or of one video's frames in a shared folder.

Numbers in the names are native frame numbers counted from the first picture. A constant step of s (every
tenth frame was kept) makes picture k stand for native frame k * s and those up to the next; missing numbers
are counted, and the picture before a gap stands for it too. The video ends where its list says, if that is
within the last step.
Folders carry no clock: times follow from a nominal 25 frames a second.
"""

from __future__ import annotations

import itertools
import math
import re
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import numpy as np

from extract.decode.open_video import NOMINAL_FPS, DecodedFrame, OpenVideo, ReadError
from extract.decode.sources import Source

EIGHT_BIT = ("1", "L", "LA", "P", "PA", "RGB", "RGBA", "RGBX", "CMYK", "YCbCr", "LAB", "HSV")


def open_folder(source: Source, num_frames: int | None) -> OpenVideo:
    """Opens the pictures of a source. num_frames: native frames that the list gives it, None = unknown."""
    frame_index, step = _native_frames(source.images)
    end = frame_index[-1] + step
    missing = end // step - len(frame_index)
    if num_frames is not None:
        if frame_index[-1] < num_frames < end:
            end = num_frames  # fewer frames follow the last picture than the step is wide
        missing += max(0, -(-(num_frames - end) // step))
    first = _rgb(source.images[0])
    height, width = first.shape[:2]
    return OpenVideo(
        decoder="folder",
        fps=NOMINAL_FPS,
        width=width,
        height=height,
        frames=_pictures(source, frame_index, end=end, size=(width, height)),
        header_num_frames=num_frames,
        frame_step=step,
        missing_frames=missing,
    )


def _native_frames(pictures: tuple[Path, ...]) -> tuple[list[int], int]:
    """The native frame of every picture and the step between them."""
    matches = [re.fullmatch(r"(.*?)([0-9]+)([^0-9]*)", path.stem) for path in pictures]
    if not all(matches) or len({(match[1], match[3]) for match in matches}) > 1:
        return list(range(len(pictures))), 1  # names that are no numbering: only their order counts
    numbers = [int(match[2]) for match in matches]
    for before, after in itertools.pairwise(zip(numbers, pictures)):
        if before[0] == after[0]:
            raise ReadError(f"two pictures for one frame: {before[1].name} and {after[1].name}")
    frame_index = [number - numbers[0] for number in numbers]
    return frame_index, math.gcd(*frame_index) or 1


def _pictures(
    source: Source, frame_index: list[int], *, end: int, size: tuple[int, int]
) -> Iterator[DecodedFrame]:
    first = source.images[0]
    following = itertools.chain(frame_index[1:], [end])
    for path, index, after in zip(source.images, frame_index, following):
        rgb = partial(_same_size, path, first, size)
        yield DecodedFrame(index, after, index / NOMINAL_FPS, after / NOMINAL_FPS, rgb)


def _same_size(path: Path, first: Path, size: tuple[int, int]) -> np.ndarray:
    picture = _rgb(path)
    height, width = picture.shape[:2]
    if (width, height) != size:
        raise ReadError(f"{first.name} is {size[0]}x{size[1]}, but {path.name} is {width}x{height}")
    return picture


def _rgb(path: Path) -> np.ndarray:
    """uint8 [H, W, 3]; a picture that is cut short or has more than 8 bits a channel is an error."""
    from PIL import Image

    try:
        with Image.open(path) as picture:
            if picture.mode not in EIGHT_BIT:
                raise ReadError(f"{path.name} has pixels of kind {picture.mode}, expected 8 bits a channel")
            return np.asarray(picture.convert("RGB"))
    except (OSError, SyntaxError) as error:  # SyntaxError is what the PNG reader raises for a broken file
        raise ReadError(f"{path.name} cannot be read: {error}") from None
