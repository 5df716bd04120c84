"""What a source gives, whatever is behind it: one recording or connection after another."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol

from extract.decode.open_video import DecodedFrame


class SourceLost(Exception):
    """The source gives no frames now; the message is one line without an address."""


class FolderGone(SourceLost):
    """The folder itself, and not one of its files."""


@dataclass(frozen=True)
class Recording:
    """Frames that belong together. frames: may raise SourceLost. name: of a file of several, else "".

    after: the name in a folder after which a source begins that would read it again; None if none would.
    """

    fps: float
    frames: Iterator[DecodedFrame]
    name: str = ""
    after: str | None = None


class FrameSource(Protocol):
    """Opens recordings; used by one thread."""

    damaged: int
    """Packets and frames that were damaged and left out, since the start."""

    def next(self) -> Recording | None:
        """The next recording, None after the last. Raises SourceLost."""
        ...

    def close(self) -> None:
        """Give up what is open."""
        ...
