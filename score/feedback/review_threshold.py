"""The threshold that alerts of a run have, about which a person is asked."""

from __future__ import annotations

from collections.abc import Sequence

from score.metrics.thresholds import recorded_thresholds
from score.scoring.scorer import Scorer


def review_threshold(scorers: Sequence[Scorer]) -> tuple[float, str]:
    """(the mean over seeds of what training recorded, who chose it)."""
    found = recorded_thresholds([scorer.checkpoint.validation for scorer in scorers])
    return found.mean_frame, found.source
