"""When an alert starts and ends: the numbers of the state machine in alert_machine.py."""

from __future__ import annotations

from dataclasses import dataclass

from score.alerts.watch_settings import check_numbers

SECTION = "alert"
OFF_SHARE = 0.8  # of the threshold, where no threshold_off is given
LONGEST_SECONDS = 86_400.0
MOST_SEGMENTS = 1000


@dataclass(frozen=True)
class AlertRule:
    """All seconds are those of the camera's own clock. Raises ValueError for values out of range."""

    threshold: float
    """An alert starts when the median of the recent scores reaches it; in [0, 1]."""
    threshold_off: float | None = None
    """The alert goes on while the median reaches this; None is 0.8 of the threshold."""
    median_segments: int = 3
    """How many recent segments the median is of; before a start, missing ones count as 0."""
    minimum_seconds: float = 1.0
    """An alert starts after the median was high for this long, gaps not counted."""
    quiet_seconds: float = 5.0
    """It ends after the median was low for this long, gaps not counted."""
    cool_down_seconds: float = 10.0
    """After an end, the camera's next alert starts this much later at the earliest."""
    update_seconds: float = 10.0
    """An open alert is reported again after this long at the latest, if segments come."""
    update_rise: float = 0.1
    """It is also reported when its peak score has risen by this much since it was last reported."""
    gap_seconds: float = 1.0
    """Time without scores that is longer than this starts the median over."""
    lost_seconds: float = 30.0
    """An alert ends when its camera sends nothing for this long."""

    def __post_init__(self):
        check_numbers(self, RANGES, section=SECTION)
        if not isinstance(self.median_segments, int):
            raise ValueError(f"{SECTION}.median_segments is {self.median_segments}, expected a whole number")
        if self.off > self.threshold:
            raise ValueError(
                f"{SECTION}.threshold_off is {self.off:g}, expected at most the threshold {self.threshold:g}"
            )

    @property
    def off(self) -> float:
        """The score below which the median counts as quiet."""
        return self.threshold * OFF_SHARE if self.threshold_off is None else self.threshold_off


RANGES = {
    "threshold": (0.0, 1.0),
    "threshold_off": (0.0, 1.0),
    "median_segments": (1, MOST_SEGMENTS),
    "minimum_seconds": (0.0, LONGEST_SECONDS),
    "quiet_seconds": (0.0, LONGEST_SECONDS),
    "cool_down_seconds": (0.0, LONGEST_SECONDS),
    "update_seconds": (0.0, LONGEST_SECONDS),
    "update_rise": (0.001, 1.0),
    "gap_seconds": (0.0, LONGEST_SECONDS),
    "lost_seconds": (0.1, LONGEST_SECONDS),
}
