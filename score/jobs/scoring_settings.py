"""What every server that scores videos of others is started with."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class ScoringSettings:
    """The models, the limits of a video, and where to compute. Raises ValueError without a checkpoint."""

    checkpoints: tuple[str, ...]
    """One run, or two to compare."""
    max_minutes: float = 60.0
    """Length limit of a video."""
    max_megabytes: int = 500
    """Size limit of an upload, and of videos that are served from memory."""
    threshold: float | None = None
    """Scores in [0, 1] from which frames count at first; None uses each checkpoint's own."""
    weights: tuple[str, ...] = ()
    """[PRESET=]PATH, as for vad-score predict."""
    device: str = "auto"
    workers: int = 2
    """Decode processes."""

    def __post_init__(self):
        if len(self.checkpoints) not in (1, 2):
            raise ValueError(
                f"{len(self.checkpoints)} checkpoints are given, expected one, or two to compare"
            )
