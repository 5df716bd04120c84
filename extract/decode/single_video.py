"""Decode one video that the user names by its path; ids are for lists."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path

from data_lists.file_names import ARCHIVES, PAGED, VIDEO_SUFFIXES, is_image
from extract.decode.decode_settings import DecodeJob
from extract.runtime.temp_folder import TempFolder


@contextlib.contextmanager
def single_video_job(video: str | Path) -> Iterator[DecodeJob]:
    """The decode job of exactly this file or folder of images.

    A link to it in an empty folder keeps neighbours that would fit the same id out of the way. Raises
    ValueError for anything but a video file or a folder of images.
    """
    video = Path(os.path.abspath(video))
    if not _is_video(video):
        raise ValueError(f"{video} is neither a video file, such as .mp4, nor a folder of images")
    with TempFolder("vad-video-") as folder:
        (folder / video.name).symlink_to(video)
        yield DecodeJob(video.name if video.is_dir() else video.stem, folder)


def is_image_folder(folder: Path) -> bool:
    """Whether a folder is a video by itself: it holds images, and neither videos nor folders of them."""
    inside = list(folder.iterdir())
    others = any(each.is_dir() or each.suffix.lower() in VIDEO_SUFFIXES for each in inside)
    return not others and any(is_image(each.name) for each in inside)


def _is_video(path: Path) -> bool:
    if path.is_dir():
        return any(is_image(each.name) for each in path.iterdir())
    return path.is_file() and path.suffix.lower() in VIDEO_SUFFIXES | PAGED | ARCHIVES
