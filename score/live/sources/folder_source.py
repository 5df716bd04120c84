"""A folder that grows: each new video file in order of its name, once it is complete, or each new image."""

from __future__ import annotations

import os
import threading
import time
from collections import deque
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import numpy as np

from data_lists.file_names import VIDEO_SUFFIXES, is_image, natural_key
from extract.decode.open_video import NOMINAL_FPS, DecodedFrame
from extract.decode.readers.frame_image import FrameImage
from extract.runtime.foreign.foreign_error import ForeignFileError
from score.live.sources.file_source import open_file, whole
from score.live.sources.frame_source import FolderGone, Recording, SourceLost

POLL_SECONDS = 0.25
SETTLED_SECONDS = 2.0  # for which a file must not have grown


class FolderSource:
    """stopping: set when nobody waits for files any more. Files that are there at the start count.

    A file that is empty or cannot be opened is tried again once it has grown, unless a later one is complete
    before. after: the name after which it begins, "" for all files.
    """

    def __init__(self, folder: Path, stopping: threading.Event, *, after: str = ""):
        self.folder, self.stopping, self.damaged = folder, stopping, 0
        self._done: str | None = after or None  # the last name that was taken; names must rise
        self._before: str | None = self._done  # the one taken before it
        self._sizes: dict[str, tuple[int, float]] = {}  # name -> size, since when by the monotonic clock
        self._refused: dict[str, int] = {}  # name -> its size when it was empty or could not be opened
        self._listed: deque[str] = deque()  # names after the last one, of a listing that many images share

    def next(self) -> Recording | None:
        """The next file, or the images from the next one on; None once nobody waits."""
        name = self._wait()
        if name is None:
            return None
        if is_image(name):
            return Recording(NOMINAL_FPS, self._images(name), self.folder.name)
        try:
            video = open_file(self.folder / name)
        except SourceLost:
            self._refused[name] = self._size(name)
            self._give_back()
            raise
        return Recording(video.fps, whole(video, name), name, after=self._before or "")

    @property
    def taken(self) -> str | None:
        """The last name that was taken."""
        return self._done

    def close(self) -> None:
        pass

    def _wait(self) -> str | None:
        """The next complete file; its name then counts as taken."""
        while not self.stopping.is_set():
            if self._listed and is_image(self._listed[0]) and self._size(self._listed[0]) > 0:
                return self._taken(self._listed.popleft())
            names = self._listed = deque(self._new())
            while names:
                size = self._size(names[0])
                if self._refused.get(names[0]) == size:
                    names.popleft()
                elif not self._is_settled(names[0], size):
                    break  # order matters: a later file waits for an earlier one
                elif size > 0:
                    return self._taken(names.popleft())
                else:
                    self._refused[names.popleft()] = size
            self.stopping.wait(POLL_SECONDS)
        return None

    def _taken(self, name: str) -> str:
        self._before, self._done = self._done, name
        return name

    def _give_back(self) -> None:
        """The name that was taken last counts as new again."""
        self._done = self._before
        self._listed.clear()

    def _new(self) -> list[str]:
        try:
            with os.scandir(self.folder) as entries:
                names = [entry.name for entry in entries if _is_wanted(entry.name) and entry.is_file()]
        except OSError as error:
            raise FolderGone(f"the folder cannot be listed ({error.strerror})") from None
        names.sort(key=natural_key)
        done = self._done
        return names if done is None else [n for n in names if natural_key(n) > natural_key(done)]

    def _is_settled(self, name: str, size: int) -> bool:
        now = time.monotonic()
        known, since = self._sizes.get(name, (-1, now))
        if size != known:
            self._sizes = {name: (size, now)}  # only the next file is looked at
            since = now
        # An image is written in one go, and one that cannot be read is tried again.
        return (is_image(name) and size > 0) or now - since >= SETTLED_SECONDS

    def _size(self, name: str) -> int:
        """-1 for a file that is gone."""
        try:
            return (self.folder / name).stat().st_size
        except OSError:
            return -1

    def _images(self, name: str) -> Iterator[DecodedFrame]:
        """One frame per image, as long as images come and have one size; the next size begins anew."""
        index, size = 0, None
        following: str | None = name
        while following is not None:
            pixels = self._read(following) if is_image(following) else None
            if not is_image(following) or (pixels is not None and size not in (None, pixels.shape)):
                self._give_back()  # it begins the next recording
                return
            if pixels is not None:
                size = pixels.shape
                yield DecodedFrame(
                    index, index + 1, index / NOMINAL_FPS, (index + 1) / NOMINAL_FPS, partial(_same, pixels)
                )
                index += 1
            following = self._wait()

    def _read(self, name: str) -> np.ndarray | None:
        """None for an image that cannot be read within the time that a file has to settle."""
        until = time.monotonic() + SETTLED_SECONDS
        while not self.stopping.is_set():
            try:
                return FrameImage(self.folder / name).rgb()
            except ForeignFileError:
                if time.monotonic() > until:
                    break
                self.stopping.wait(POLL_SECONDS)
        self.damaged += 1
        return None


def _is_wanted(name: str) -> bool:
    return not name.startswith(".") and (
        is_image(name) or os.path.splitext(name)[1].lower() in VIDEO_SUFFIXES
    )


def _same(pixels: np.ndarray) -> np.ndarray:
    return pixels
