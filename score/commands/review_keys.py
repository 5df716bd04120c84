"""One key per label in a terminal: what a person answers about each moment."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import click

from extract.runtime.say import say

if TYPE_CHECKING:
    from score.feedback.choosing import Chosen
    from score.feedback.feedback_list import Label

# Key -> label of the feedback list.
KEYS: dict[str, Label] = {"f": "false alarm", "m": "missed", "c": "confirmed"}
HELP = "f false alarm, m missed anomaly, c confirmed alarm, s skip, u undo, q quit"


def moment_line(chosen: Chosen, number: int, total: int, threshold: float) -> str:
    """One line about a moment."""
    moment = chosen.moment
    spread = f" ± {moment.disagreement:.2f}" if moment.disagreement else ""
    side = "alarm" if moment.score >= threshold else "no alarm"
    return (
        f"[{number}/{total}] {moment.video_id} {_clock(moment.seconds[0])}-{_clock(moment.seconds[1])}: "
        f"score {moment.score:.3f}{spread} ({side}), uncertainty {chosen.uncertainty:.2f}, "
        f"novelty {chosen.novelty:.2f}"
    )


def ask(
    chosen: Sequence[Chosen],
    threshold: float,
    *,
    label: Callable[[Chosen, Label], object],
    unlabel: Callable[[Chosen], object],
) -> int:
    """Ask about each moment until the last or q; returns how many have a label now.

    label, unlabel: write and remove one; called at once, so that a killed review loses nothing.
    """
    say(HELP, err=True)
    answers: list[str] = []  # the key of each moment before this one
    while len(answers) < len(chosen):
        place = len(answers)
        say(moment_line(chosen[place], place + 1, len(chosen), threshold))
        key = click.getchar().lower()
        if key in ("q", "\x03", "\x04"):
            break
        if key in KEYS:
            label(chosen[place], KEYS[key])
            say(f"  {KEYS[key]}")
        elif key == "u" and answers:
            if answers.pop() in KEYS:
                unlabel(chosen[len(answers)])
            continue
        elif key != "s":
            say(f"  {HELP}", err=True)
            continue
        answers.append(key)
    return sum(key in KEYS for key in answers)


def _clock(seconds: float) -> str:
    whole = int(seconds)
    hours = f"{whole // 3600}:" if whole >= 3600 else ""
    return f"{hours}{whole // 60 % 60:02d}:{whole % 60:02d}"
