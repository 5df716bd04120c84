"""Scores of long videos, piece by piece: heads know videos of minutes, and memory must not grow with the
hours.

A head that pools a video into 32 instances would make one of each 19 minutes of ten hours; one that compares
all segments with each other would need a table of a billion pairs.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from extract.store import VideoFeatures
from score.scoring.scorer import Scorer, VideoScores

PIECE_MINUTES = (
    10.0  # longer than nearly all videos of the benchmarks, so that these are scored as evaluate does
)


def score_pieces(
    scorer: Scorer, parts: Sequence[VideoFeatures], *, piece_minutes: float = PIECE_MINUTES
) -> VideoScores:
    """The scores of one video, cut into pieces of equally many segments of at most so many minutes; 0 does
    not cut.

    The video score is that of the highest piece. Attention is told where all pieces tell it.
    """
    bounds = piece_bounds(parts[0], piece_minutes=piece_minutes)
    if len(bounds) == 1:
        return scorer.score(*parts)
    scores = [scorer.score(*(_piece(part, start, stop) for part in parts)) for start, stop in bounds]
    attention = [each.attention for each in scores]
    classes = [each.class_probability for each in scores]
    return VideoScores(
        np.concatenate([each.segment_score for each in scores]),
        max(each.video_score for each in scores),
        None if any(each is None for each in attention) else np.concatenate(attention) / len(bounds),
        None if any(each is None for each in classes) else np.concatenate(classes),
    )


def piece_bounds(part: VideoFeatures, *, piece_minutes: float) -> list[tuple[int, int]]:
    """Segments [start, stop) of each piece."""
    minutes = (part.time_span[:, 1].max() - part.time_span[:, 0].min()) / 60
    count = math.ceil(minutes / piece_minutes) if piece_minutes > 0 and minutes > piece_minutes else 1
    edges = np.linspace(0, part.num_segments, min(count, part.num_segments) + 1).round().astype(int).tolist()
    return list(zip(edges[:-1], edges[1:]))


def _piece(part: VideoFeatures, start: int, stop: int) -> VideoFeatures:
    rows = slice(start, stop)
    return replace(
        part,
        features=None if part.features is None else part.features[rows],
        frame_span=part.frame_span[rows],
        time_span=part.time_span[rows],
        arrays={name: each[rows] for name, each in part.arrays.items()},
    )
