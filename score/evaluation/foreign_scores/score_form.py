"""What a user says about files of scores: how rows become frames, and in which order videos stand."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from data_lists.video import Video
from score.evaluation.foreign_scores.segment_rules import Segments


@dataclass(frozen=True)
class ScoreForm:
    """The options of vad-score evaluate --scores."""

    segments: Segments = Segments()
    # Frames per second of all videos, for positions in seconds.
    fps: float | None = None
    # Frames per second of single videos, by video id, where fps is not given.
    rates: Mapping[str, float] = field(default_factory=dict)
    # The number of the first frame in columns that count frames, 0 or 1; None decides by rule.
    first_frame: int | None = None
    # Of the videos in one long array; empty for that of the convention or the list.
    order: Sequence[Video] = ()
    # Higher scores mean normal.
    invert: bool = False

    def rate(self, video_id: str) -> float | None:
        """Frames per second of a video; None if nobody said."""
        return self.fps if self.fps is not None else self.rates.get(video_id)


AS_FOUND = ScoreForm()
