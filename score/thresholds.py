"""Above which score an alarm is raised: fixed, or chosen on validation videos, never on the test list."""

from __future__ import annotations

from dataclasses import dataclass

DEFAULT_THRESHOLD = 0.5


@dataclass(frozen=True)
class Thresholds:
    """Scores of at least these are alarms, one number a seed; a single number stands for all seeds.

    frame: for frame scores. video: for video scores. rule: as --threshold takes it. source: what chose them,
    for a reader. assumed: nobody chose, so scores outside [0, 1] have no measures at it.
    """

    frame: tuple[float, ...]
    video: tuple[float, ...]
    rule: str
    source: str
    assumed: bool = False

    def of_seed(self, seed: int) -> tuple[float, float]:
        """Of the seed at this position: for frames, for videos."""
        return tuple(values[seed] if len(values) > 1 else values[0] for values in (self.frame, self.video))


HALF = Thresholds(
    (DEFAULT_THRESHOLD,), (DEFAULT_THRESHOLD,), f"fixed:{DEFAULT_THRESHOLD}", "nothing chose it", assumed=True
)
