"""Which frames listeners want, so that an engine on another machine sends no others."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class WantedPictures:
    """fps: frames per second of a camera at most. side: pixels of the longer side at most."""

    fps: float
    side: int

    @classmethod
    def of(cls, wanted: Sequence[WantedPictures]) -> WantedPictures | None:
        """What serves all of them; None if nobody wants any."""
        if not wanted:
            return None
        return cls(max(each.fps for each in wanted), max(each.side for each in wanted))
