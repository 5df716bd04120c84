"""The options of vad-score watch that measure how many cameras this machine carries, instead of watching."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import click

from extract.runtime.say import say

OPTIONS = (
    click.option(
        "--measure",
        is_flag=True,
        help="Play the given files as 1, 2, 4 ... cameras at their own pace, and say how many this machine "
        "carries.",
    ),
    click.option(
        "--limit",
        default=2.0,
        show_default=True,
        type=click.FloatRange(0, min_open=True),
        metavar="SECONDS",
        help="With --measure: the latency that 95 % of the scores stay below.",
    ),
    click.option(
        "--trial-seconds",
        default=20.0,
        show_default=True,
        type=click.FloatRange(5),
        metavar="SECONDS",
        help="With --measure: how long each number of cameras is played.",
    ),
)


def measure_options(command: Callable) -> Callable:
    """Adds them to a command, in this order."""
    for option in reversed(OPTIONS):
        command = option(command)
    return command


@dataclass(frozen=True)
class Trials:
    """limit: seconds of latency. seconds: of each trial."""

    limit: float
    seconds: float

    def measure(self, cameras, model) -> None:
        """Say how many such cameras a LiveModel follows on this machine. Raises UsageError."""
        from score.live.capacity import find_capacity, trial_text

        if wrong := [each.name for each in cameras if each.address.kind != "file"]:
            raise click.UsageError(f"--measure plays files, and {wrong[0]} is none")
        most = find_capacity(
            cameras,
            model,
            limit=self.limit,
            seconds=self.seconds,
            report=lambda trial: say(trial_text(trial, self.limit)),
        )
        say(
            f"this machine carries {most} such cameras at a latency below {self.limit:g} s for 95 % of the "
            "scores"
        )


def taken_measure(options: dict[str, Any]) -> Trials | None:
    """Of a command's options, which are removed from them; None without --measure."""
    measure, limit, seconds = (options.pop(name) for name in ("measure", "limit", "trial_seconds"))
    return Trials(limit, seconds) if measure else None
