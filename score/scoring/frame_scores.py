"""From segment scores to frame scores: every frame takes the score of its segment, or the mean of several."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class FrameScores:
    """score: float64 [num_frames]. uncovered: frames of no segment, which took the score of a neighbour."""

    score: np.ndarray
    uncovered: int = 0


def spread(
    segment_score: np.ndarray, frame_span: np.ndarray, *, num_frames: int, video_id: str
) -> FrameScores:
    """Frame scores of one video.

    segment_score: finite, [N]. frame_span: int [N, 2], ascending [start, stop) within num_frames. A frame of
    several segments gets their mean. A frame of none (stores of older tools drop frames) takes the last score
    before it, or the first score if there is none before. Raises ValueError naming the video.
    """
    scores, spans = np.asarray(segment_score, dtype=np.float64), np.asarray(frame_span)
    if scores.ndim != 1 or spans.shape != (len(scores), 2):
        raise ValueError(
            f"{video_id}: segment scores have shape {list(scores.shape)}, frame spans {list(spans.shape)}; "
            "expected [N] and [N, 2]"
        )
    if not len(scores):
        raise ValueError(f"{video_id}: no segment to take scores from")
    if not np.isfinite(scores).all():
        raise ValueError(
            f"{video_id}: {np.count_nonzero(~np.isfinite(scores))} of {len(scores)} segment scores are NaN "
            "or infinite"
        )
    if spans.min() < 0 or (spans[:, 1] <= spans[:, 0]).any() or (np.diff(spans[:, 0]) < 0).any():
        raise ValueError(f"{video_id}: its frame spans are not ascending ranges")
    if spans.max() > num_frames:
        raise ValueError(
            f"{video_id}: segments reach frame {spans.max()}, but the video has {num_frames} frames"
        )
    if (spans[1:, 0] >= spans[:-1, 1]).all():
        frames = np.full(num_frames, np.nan)
        lengths = spans[:, 1] - spans[:, 0]
        # Add to a running index what each segment's start is ahead of the frames counted so far.
        offset = np.repeat(spans[:, 0] - np.r_[0, np.cumsum(lengths)[:-1]], lengths)
        frames[np.arange(len(offset)) + offset] = np.repeat(scores, lengths)
    else:
        frames = _mean_of_overlaps(scores, spans, num_frames)
    return _fill(frames)


def fit_length(frame_score: np.ndarray, num_frames: int) -> np.ndarray:
    """Cut to num_frames, or repeat the last score, as the older conventions of evaluation do."""
    scores = np.asarray(frame_score, dtype=np.float64)
    if not len(scores):
        raise ValueError("there is no score to repeat")
    return np.r_[scores, np.full(max(0, num_frames - len(scores)), scores[-1])][:num_frames]


def _mean_of_overlaps(scores: np.ndarray, spans: np.ndarray, num_frames: int) -> np.ndarray:
    # Plain sums, no running difference: frames of the same segments must come out equal, because they are
    # ties. What is summed is the distance from the first segment of a frame, so that equal scores stay exact.
    first, total, segments = (np.zeros(num_frames) for _ in range(3))
    for score, (start, stop) in zip(scores, spans.tolist(), strict=True):
        np.copyto(first[start:stop], score, where=segments[start:stop] == 0)
        total[start:stop] += score - first[start:stop]
        segments[start:stop] += 1
    return first + np.divide(total, segments, out=np.full(num_frames, np.nan), where=segments > 0)


def _fill(frames: np.ndarray) -> FrameScores:
    covered = np.isfinite(frames)
    if covered.all():
        return FrameScores(frames)
    source = np.maximum.accumulate(np.where(covered, np.arange(len(frames)), -1))
    source[source < 0] = np.argmax(covered)
    return FrameScores(frames[source], uncovered=int(np.count_nonzero(~covered)))
