"""Frames of a folder of images, one video's images in a shared folder, a zip archive or a paged image.

Numbers in the file names are native frame numbers, counted from the first image, where
extract.decode.readers.frame_sequence takes them for numbers. With a constant step of s (every tenth frame was
kept), image k stands for native frames k * s to (k + 1) * s - 1. Missing numbers are counted, and the image
before a gap also stands for the gap. The video ends where its list says, if that is within the last step.
Folders have no clock: times follow from a nominal 25 frames per second.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

import numpy as np

from extract.decode.open_video import NOMINAL_FPS, DecodedFrame, OpenVideo, ReadError
from extract.decode.readers.frame_image import FrameImage
from extract.decode.readers.frame_sequence import native_frames
from extract.decode.sources import Source
from extract.runtime.foreign.foreign_error import ForeignFileError

Page = tuple[FrameImage, int]


def open_folder(source: Source, num_frames: int | None) -> OpenVideo:
    """Open the images of a source. num_frames: native frames according to the list, None = unknown."""
    pages = _pages(source)
    frame_index, step = list(range(len(pages))), 1
    if len(pages) == len(source.images):  # pages have no names, so only their order counts
        frame_index, step = native_frames(source.images)
    end = frame_index[-1] + step
    missing = end // step - len(frame_index)
    if num_frames is not None:
        if frame_index[-1] < num_frames < end:
            end = num_frames  # the last image stands for fewer frames than the step
        # Images that the list implies after the last one, rounded up.
        missing += max(0, -(-(num_frames - end) // step))
    first = _rgb(*pages[0])
    height, width = first.shape[:2]
    return OpenVideo(
        decoder="folder",
        fps=NOMINAL_FPS,
        width=width,
        height=height,
        frames=_frames(pages, frame_index, end=end, size=(width, height)),
        header_num_frames=num_frames,
        frame_step=step,
        missing_frames=missing,
    )


def _pages(source: Source) -> list[Page]:
    """Every picture of the images: one of each, or the pages of a multi-page TIFF or an animated WebP."""
    try:
        return [(image, page) for image in source.images for page in range(image.pages())]
    except ForeignFileError as error:
        raise ReadError(f"{error.path.name} {error.reason}") from None


def _frames(
    pages: list[Page], frame_index: list[int], *, end: int, size: tuple[int, int]
) -> Iterator[DecodedFrame]:
    next_index = [*frame_index[1:], end]
    for (image, page), index, after in zip(pages, frame_index, next_index, strict=True):
        rgb = partial(_same_size, image, page, pages[0][0], size)
        yield DecodedFrame(index, after, index / NOMINAL_FPS, after / NOMINAL_FPS, rgb)


def _same_size(image: FrameImage, page: int, first: FrameImage, size: tuple[int, int]) -> np.ndarray:
    rgb = _rgb(image, page)
    height, width = rgb.shape[:2]
    if (width, height) != size:
        raise ReadError(f"{first.name} is {size[0]}x{size[1]}, but {image.name} is {width}x{height}")
    return rgb


def _rgb(image: FrameImage, page: int) -> np.ndarray:
    try:
        return image.rgb(page)
    except ForeignFileError as error:
        raise ReadError(f"{image.name} {error.reason}") from None
