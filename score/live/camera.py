"""One camera as it is to be watched, and the source behind its address."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from score.live.address import Address
from score.live.sources.file_source import FileSource
from score.live.sources.folder_source import FolderSource
from score.live.sources.frame_source import FrameSource
from score.live.sources.stream_source import StreamSource


@dataclass(frozen=True)
class Camera:
    """name: unique among the cameras. place: where it is, in words, or "".

    ignored: bool [H, W] of any size, True where the picture is blacked out; None for nowhere. threshold: its
    own, None for the checkpoint's. rate: frames per second that are taken at most, None for all of them.
    realtime: a file is played at its own pace, as a camera would send it. repeats: again and again.
    played_seconds: what of it is over when it begins to play. after: the name in a folder after which it
    begins, "" for all files.
    """

    name: str
    address: Address
    place: str = ""
    ignored: np.ndarray | None = None
    threshold: float | None = None
    rate: float | None = None
    realtime: bool = False
    repeats: bool = False
    played_seconds: float = 0.0
    after: str = ""

    @property
    def waits(self) -> bool:
        """Whether its frames wait for the engine, because they are recorded: none is ever skipped."""
        return not self.address.is_live and not self.realtime

    def open(self, stopping: threading.Event) -> FrameSource:
        """Its source. stopping: set when it should give up waiting."""
        if self.address.kind == "file":
            return FileSource(Path(self.address.text), repeats=self.repeats)
        if self.address.kind == "folder":
            return FolderSource(Path(self.address.text), stopping, after=self.after)
        return StreamSource(self.address)
