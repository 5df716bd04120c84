"""The data of an online evaluation beside its measures."""

from __future__ import annotations

from dataclasses import dataclass

from extract.runtime.text import counted
from score.metrics.alert_curve import CurvePoint

# False alarms per camera-hour for which thresholds are chosen.
BUDGETS = (1, 5)


@dataclass(frozen=True)
class OnlineThreshold:
    """name: chosen, or at_1 and so on for a number of false alarms per hour.

    threshold: one per seed; empty if there is none. source: who chose it, or why there is none.
    """

    name: str
    threshold: tuple[float, ...]
    source: str


@dataclass(frozen=True)
class OnlineResults:
    """look_ahead: segments; None for a head that looks at all of a video, which saw `window` segments.

    quiet: seconds without a high score that end an alert. rule: how alerts are raised, in words. events:
    annotated ones, those closer than `quiet` as one. hours: without an event. curves: per seed, on the test
    videos, for reading only: no threshold may be taken from them. notes: what a reader must know.
    """

    look_ahead: int | None
    window: int
    quiet: float
    rule: str
    events: int
    hours: float
    thresholds: tuple[OnlineThreshold, ...]
    curves: tuple[tuple[CurvePoint, ...], ...]
    notes: tuple[str, ...] = ()

    @property
    def words(self) -> str:
        """When a score is known, in one line."""
        if self.look_ahead is None:
            return (
                f"the head looks at the whole video: each score is of the last of the latest {self.window} "
                "segments, known when it ends"
            )
        if not self.look_ahead:
            return "a score is known when its segment ends"
        return f"a score is known {counted(self.look_ahead, 'segment')} after its own"
