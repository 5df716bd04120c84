"""The files that are kept of an alert, and the numbers that say how much is kept."""

from __future__ import annotations

from dataclasses import dataclass

from score.alerts.watch_settings import check_numbers

SECTION = "clip"


@dataclass(frozen=True)
class KeptFiles:
    """Paths relative to the alerts' folder; None for what was not kept."""

    picture: str | None = None
    clip: str | None = None
    features: str | None = None


@dataclass(frozen=True)
class ClipSettings:
    """Raises ValueError for values out of range."""

    lead_seconds: float = 5.0
    """A clip begins this much before its alert."""
    trail_seconds: float = 5.0
    """It ends this much after it, but no later than the alert is known to be over (alert.quiet_seconds)."""
    longest_seconds: float = 60.0
    """The end of a longer clip is left out."""
    fps: float = 10.0
    """Frames per second that are kept, at most."""
    side: int = 1280
    """Larger frames are scaled to this longer side, in pixels."""
    quality: int = 85
    """Of the JPEG pictures in memory."""
    ring_seconds: float = 120.0
    """How much of each camera is in memory, at most: for clips, and for moments that were missed."""
    ring_megabytes: float = 32.0
    """Memory for the pictures of one camera."""

    def __post_init__(self):
        check_numbers(self, RANGES, section=SECTION)
        for name in ("side", "quality"):
            if not isinstance(getattr(self, name), int):
                raise ValueError(f"{SECTION}.{name} is {getattr(self, name)}, expected a whole number")


RANGES = {
    "lead_seconds": (0.0, 600.0),
    "trail_seconds": (0.0, 600.0),
    "longest_seconds": (1.0, 3600.0),
    "fps": (0.1, 120.0),
    "side": (32, 8192),
    "quality": (1, 100),
    "ring_seconds": (1.0, 3600.0),
    "ring_megabytes": (0.1, 65536.0),
}
