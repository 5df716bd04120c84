"""One video that a person names by its path, decoded by itself: ids are for lists."""

from __future__ import annotations

import contextlib
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

from data_lists.suffixes import IMAGE_SUFFIXES, VIDEO_SUFFIXES
from extract.decode.decode_settings import DecodeJob


@contextlib.contextmanager
def single_video_job(video: str | Path) -> Iterator[DecodeJob]:
    """The job of this very file or folder, though others beside it may fit its id: by a link of its name in an empty
    folder. Raises ValueError for what is neither a video file nor a folder of pictures."""
    video = Path(os.path.abspath(video))
    if not _is_video(video):
        raise ValueError(f"{video} is neither a video file, such as .mp4, nor a folder of pictures")
    with tempfile.TemporaryDirectory(prefix="vad-video-") as folder:
        (Path(folder) / video.name).symlink_to(video)
        yield DecodeJob(video.name if video.is_dir() else video.stem, Path(folder))


def _is_video(path: Path) -> bool:
    if path.is_dir():
        return any(each.suffix.lower() in IMAGE_SUFFIXES for each in path.iterdir())
    return path.is_file() and path.suffix.lower() in VIDEO_SUFFIXES
