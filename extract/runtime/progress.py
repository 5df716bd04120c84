"""The progress of a run: videos, frames per second, what decoding and the device take, time left."""

from __future__ import annotations

import sys
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from extract.runtime.machine.machine_load import MachineLoad
from extract.runtime.profile import NoProfile, Profile
from extract.runtime.say import say

if TYPE_CHECKING:
    from rich.progress import Progress as Bar

QUIET_SECONDS = 10.0  # between lines if there is no terminal
LIVE_SECONDS = 0.25
BAR_WIDTH = 20


@dataclass
class Progress:
    """Counts of one run, shown as a bar on a terminal and as a line now and then elsewhere."""

    total: int
    # Whether stderr is a terminal.
    live: bool = field(default_factory=lambda: sys.stderr.isatty())
    done: int = 0
    failed: int = 0
    frames: int = 0
    # How far the video of the latest event is decoded, in frames and in seconds of the video.
    reached: int = 0
    reached_seconds: float = 0.0
    # Wall time in which the device loop waited for decoders, and in which it worked.
    wait_seconds: float = 0.0
    device_seconds: float = 0.0
    profile: Profile = field(default_factory=NoProfile)
    # Of this machine; None where the work runs on others, or where nobody reads the line.
    load: MachineLoad | None = None
    started: float = field(default_factory=time.monotonic)
    _shown: float = field(default_factory=time.monotonic)
    _bar: Bar | None = None

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
            "" if self.load is None else self.load.limit(),
            "" if left is None else f"{_clock(left)} left",
        ]
        return ", ".join(part for part in parts if part)

    def show(self, *, final: bool = False) -> None:
        """Show the progress if it is due. final: take the bar off the terminal."""
        now = time.monotonic()
        if not final and now - self._shown < (LIVE_SECONDS if self.live else QUIET_SECONDS):
            return
        self._shown = now
        if self.live:
            self._show_bar(final)
        elif not final:
            say(self.line(), err=True)

    def _show_bar(self, final: bool) -> None:
        if final:
            if self._bar is not None:
                self._bar.stop()
            self._bar = None
            return
        bar = self._bar or _new_bar()
        finished = self.done + self.failed
        bar.update(bar.task_ids[0], total=self.total, completed=finished, description=self.line())
        bar.refresh() if bar is self._bar else bar.start()
        self._bar = bar


def _new_bar() -> Bar:
    # Imported here: most programs that count progress never draw it.
    from rich.console import Console
    from rich.progress import BarColumn, TextColumn
    from rich.progress import Progress as Bar

    columns = BarColumn(bar_width=BAR_WIDTH), TextColumn("{task.description}", markup=False)
    # stdout may be a pipe, whose content must not go to the terminal.
    console = Console(stderr=True)
    bar = Bar(*columns, console=console, auto_refresh=False, transient=True, redirect_stdout=False)
    bar.add_task("")
    return bar


def _clock(seconds: float) -> str:
    minutes, seconds = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{seconds:02d}" if hours else f"{minutes}:{seconds:02d}"
