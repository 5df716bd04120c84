"""Scores of long videos in chunks: heads train on minutes of video, and memory must not grow with hours.

A head that pools a video into 32 instances would make one instance of every 19 minutes of a ten-hour video; a
head that compares all segments with each other would need a table of a billion pairs.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from functools import partial

import numpy as np

from extract.store import VideoFeatures
from score.scoring.ensemble_scorer import EnsembleScorer
from score.scoring.scorer import Scorer, VideoScores

# Longer than nearly all videos of the benchmarks, so that these are scored as evaluate does it.
CHUNK_MINUTES = 10.0


def score_chunks(
    scorer: Scorer | EnsembleScorer, parts: Sequence[VideoFeatures], *, chunk_minutes: float = CHUNK_MINUTES
) -> VideoScores:
    """The scores of one video in chunks of equally many segments, at most chunk_minutes long; 0 does not cut.

    The video score is that of the highest chunk. Attention and classes are known where all chunks have them.
    """
    if isinstance(scorer, EnsembleScorer):
        return scorer.combined(parts, partial(score_chunks, chunk_minutes=chunk_minutes))
    bounds = chunk_bounds(parts[0], chunk_minutes=chunk_minutes)
    if len(bounds) == 1:
        return scorer.score(*parts)
    scores = [scorer.score(*(segments_of(part, start, stop) for part in parts)) for start, stop in bounds]
    attention = [each.attention for each in scores if each.attention is not None]
    classes = [each.class_probability for each in scores if each.class_probability is not None]
    return VideoScores(
        np.concatenate([each.segment_score for each in scores]),
        max(each.video_score for each in scores),
        np.concatenate(attention) / len(bounds) if len(attention) == len(scores) else None,
        np.concatenate(classes) if len(classes) == len(scores) else None,
    )


def chunk_bounds(part: VideoFeatures, *, chunk_minutes: float) -> list[tuple[int, int]]:
    """Segments [start, stop) of each chunk."""
    minutes = (part.time_span[:, 1].max() - part.time_span[:, 0].min()) / 60
    count = math.ceil(minutes / chunk_minutes) if chunk_minutes > 0 and minutes > chunk_minutes else 1
    edges = np.linspace(0, part.num_segments, min(count, part.num_segments) + 1).round().astype(int).tolist()
    return list(zip(edges[:-1], edges[1:], strict=True))


def segments_of(part: VideoFeatures, start: int, stop: int) -> VideoFeatures:
    """Segments [start, stop) of a video, with the frames and times that they have in it."""
    rows = slice(start, stop)
    return replace(
        part,
        features=None if part.features is None else part.features[rows],
        frame_span=part.frame_span[rows],
        time_span=part.time_span[rows],
        arrays={name: each[rows] for name, each in part.arrays.items()},
    )
