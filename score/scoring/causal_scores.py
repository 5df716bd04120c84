"""What a head knew of each segment when it had to speak: scores that use nothing after their look-ahead.

A head with a look-ahead of L segments gives a segment the same score whether the video ends L segments later
or goes on, so its scores of the whole video are taken as they are, L segments late. A head that looks at the
whole video scores a window of the latest segments each time one ends, and what it says of the last counts.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from extract.store import VideoFeatures
from score.config.look_ahead import look_ahead
from score.config.run_config import RunConfig
from score.scoring.chunks import segments_of
from score.scoring.scorer import Scorer


@dataclass(frozen=True)
class CausalScores:
    """The scores of one video as they became known.

    segment_score: float32 [N] in [0, 1]. known_after: int64 [N], never falling: the segment with whose end
    the score of each segment is known.
    """

    segment_score: np.ndarray
    known_after: np.ndarray


def window_of(config: RunConfig) -> int:
    """Latest segments that a head sees live which looks at the whole video: as many as training gave it."""
    return config.data.segments.n


def causal_scores(
    scorer: Scorer, parts: Sequence[VideoFeatures], *, window: int | None = None
) -> CausalScores:
    """The scores of one video, parts as in Scorer.score.

    window: segments that a head sees which looks at the whole video; None for window_of.
    """
    count = parts[0].num_segments
    ahead = look_ahead(scorer.checkpoint.config)
    if ahead is not None:
        whole = scorer.score(*parts).segment_score
        # With the video its last scores end, too: what was still waited for never comes.
        return CausalScores(whole, np.minimum(np.arange(count) + ahead, count - 1))
    window = window or window_of(scorer.checkpoint.config)
    bounds = [(max(0, stop - window), stop) for stop in range(1, count + 1)]
    together = max(1, scorer.rows_at_once // window)
    found = np.empty(count, dtype=np.float32)
    for begin in range(0, count, together):
        batch = [
            [segments_of(part, start, stop) for part in parts]
            for start, stop in bounds[begin : begin + together]
        ]
        scores = scorer.score_together(batch)
        found[begin : begin + len(batch)] = [each.segment_score[-1] for each in scores]
    return CausalScores(found, np.arange(count))
