"""How far a score looks ahead: what a run can know of a segment before the segments after it are there."""

from __future__ import annotations

from score.config.run_config import RunConfig
from score.heads import HEADS


def look_ahead(config: RunConfig) -> int | None:
    """Segments after its own that a segment's score may depend on, at most; None: all of the video."""
    segments = config.data.scoring_segments
    if not segments.keeps_all or segments.centre == "video":
        return None
    found = HEADS[config.name].look_ahead(config.head)
    # The first segment repeats the change of the second.
    return max(found, 1) if found is not None and segments.takes_changes else found


def look_ahead_words(config: RunConfig) -> str:
    """The same in one line."""
    found, segments = look_ahead(config), config.data.scoring_segments
    if found is not None:
        return f"look-ahead: {found} segments" if found else "look-ahead: none"
    why = ""
    if segments.centre == "video":
        why = " (data.segments.centre=video)"
    elif not segments.keeps_all:
        why = f" (data.segments.mode={segments.mode})"
    return f"look-ahead: the rest of the video{why}"
