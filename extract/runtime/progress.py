"""The progress line of a run: videos, frames a second, shares of decoding and device, time left."""

from __future__ import annotations

import sys
import time
from dataclasses import dataclass, field

from extract.runtime.profile import NoProfile, Profile

QUIET_SECONDS = 10.0  # between plain lines where there is no terminal
LIVE_SECONDS = 0.25


@dataclass
class Progress:
    """Counts of one run and their line. Seconds are wall time of the device loop, shares are of it."""

    total: int
    live: bool = field(default_factory=lambda: sys.stderr.isatty())
    done: int = 0
    failed: int = 0
    frames: int = 0
    reached: int = 0  # frames of the video that spoke last, as far as it is decoded
    reached_seconds: float = 0.0  # the same in its own time
    wait_seconds: float = 0.0  # the loop had nothing to do: decoding is the limit
    device_seconds: float = 0.0
    profile: Profile = field(default_factory=NoProfile)
    started: float = field(default_factory=time.monotonic)
    _shown: float = field(default_factory=time.monotonic)

    def line(self) -> str:
        elapsed = max(time.monotonic() - self.started, 1e-9)
        finished = self.done + self.failed
        left = (self.total - finished) * elapsed / finished if finished else None
        parts = [
            f"{finished}/{self.total} videos",
            f"{self.failed} failed" if self.failed else "",
            f"{self.frames / elapsed:.0f} frames/s",
            f"waiting for decoder {self.wait_seconds / elapsed:.0%}",
            f"device {self.device_seconds / elapsed:.0%}",
            "" if left is None else f"{_clock(left)} left",
        ]
        return ", ".join(part for part in parts if part)

    def show(self, *, final: bool = False) -> None:
        """Write the line where one is due: in place on a terminal, now and then elsewhere."""
        now = time.monotonic()
        if not final and now - self._shown < (LIVE_SECONDS if self.live else QUIET_SECONDS):
            return
        self._shown = now
        if self.live:
            sys.stderr.write("\r\x1b[2K" + ("" if final else self.line()))
        elif not final:
            sys.stderr.write(self.line() + "\n")
        sys.stderr.flush()


def _clock(seconds: float) -> str:
    minutes, seconds = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{seconds:02d}" if hours else f"{minutes}:{seconds:02d}"
