"""A video file, decoded as predict decodes it."""

from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path

from extract.decode.open_video import DecodedFrame, OpenVideo
from extract.decode.pyav_reader import open_silently
from extract.decode.sources import Source
from extract.runtime.foreign.foreign_error import one_line
from score.live.sources.frame_source import Recording, SourceLost


def open_file(path: Path) -> OpenVideo:
    """Raises SourceLost with the file's name."""
    try:
        return open_silently(Source(path.stem, path, path.name))
    except Exception as error:  # decoders raise anything
        raise SourceLost(f"{path.name}: {one_line(error)}") from None


def whole(video: OpenVideo, name: str) -> Iterator[DecodedFrame]:
    """Its frames. Raises SourceLost where a damaged file stops early, after the frames before that."""
    count, end = 0, 0.0
    try:
        for frame in video.frames:
            count, end = frame.frame_stop, max(end, frame.end_seconds)
            yield frame
    except Exception as error:  # decoders raise anything
        raise SourceLost(f"{name} stops early: {one_line(error)}") from None
    if stopped := video.shortfall(count, end):
        raise SourceLost(f"{name} stops early: {stopped}")


class FileSource:
    """One file, once. repeats: play it again and again, as a camera that never ends."""

    damaged = 0

    def __init__(self, path: Path, *, repeats: bool = False):
        self.path = path
        self._left = math.inf if repeats else 1

    def next(self) -> Recording | None:
        if self._left < 1:
            return None
        self._left -= 1
        video = open_file(self.path)
        return Recording(video.fps, whole(video, self.path.name))

    def close(self) -> None:
        pass
