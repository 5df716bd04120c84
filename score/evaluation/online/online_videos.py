"""Videos scored as if they were live: what every seed knew, and when."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from data_lists import Video
from extract.store import FeatureStore, StoreError, VideoFeatures
from score.evaluation.frame_truth import Truth
from score.metrics import runs
from score.metrics.online_alerts import TimedScores, held_scores
from score.pooling.segment_join import read_joined
from score.scoring.causal_scores import CausalScores, causal_scores
from score.scoring.frame_scores import spread
from score.scoring.scorer import Scorer
from score.scoring.smoothing import Smoothing


@dataclass(frozen=True)
class OnlineVideo:
    """One video with the scores of S seeds.

    label: uint8 [F]; None if the video is not annotated. causal_score: float64 [S, F], each frame with the
    score of its own segment. held_score: float64 [S, F], each frame with the latest score known at it, NaN
    before the first. timed: per seed. events: annotated spans in seconds, float64 [E, 2].
    """

    video: Video
    label: np.ndarray | None
    causal_score: np.ndarray
    held_score: np.ndarray
    timed: tuple[TimedScores, ...]
    events: np.ndarray


def read_online(
    scorers: Sequence[Scorer],
    stores: Sequence[FeatureStore],
    videos: Sequence[Video],
    truth: Truth,
    *,
    smoothing: Smoothing,
) -> list[OnlineVideo]:
    """Score videos causally. stores: in the order of the scorers' checkpoints.

    smoothing: one that is causal. Raises StoreError for a video without a clock.
    """
    found = []
    for video in videos:
        parts = read_joined(stores, video.video_id, scorers[0].segments)
        check_clock(parts[0])
        scores = [causal_scores(scorer, parts) for scorer in scorers]
        found.append(_online_video(video, parts[0], scores, truth, smoothing))
    return found


def _online_video(
    video: Video, part: VideoFeatures, scores: Sequence[CausalScores], truth: Truth, smoothing: Smoothing
) -> OnlineVideo:
    own, held, timed = [], [], []
    for each in scores:
        score = np.asarray(smoothing(each.segment_score), dtype=np.float64)
        # A segment may end before an earlier one where they overlap; nothing is known before it was.
        stops = np.maximum.accumulate(part.frame_span[each.known_after, 1])
        known = np.maximum.accumulate(part.time_span[each.known_after, 1])
        frames = spread(score, part.frame_span, num_frames=part.num_frames, video_id=part.video_id)
        own.append(frames.score)
        held.append(held_scores(score, stops, part.num_frames))
        timed.append(TimedScores(score, part.time_span, known, float(part.time_span[:, 1].max())))
    label, causal = truth.match(video, np.stack(own))
    _, seen = truth.match(video, np.stack(held))
    spans = np.zeros((0, 2)) if label is None else seconds_of(part, runs(label))
    return OnlineVideo(video, label, causal, seen, tuple(timed), spans)


def seconds_of(part: VideoFeatures, frames: np.ndarray) -> np.ndarray:
    """When frames begin: int of any shape -> float64, straight between the borders of segments."""
    order = np.argsort(part.frame_span.ravel(), kind="stable")
    places, seconds = part.frame_span.ravel()[order], part.time_span.ravel()[order]
    return np.interp(frames, places, np.maximum.accumulate(seconds))


def check_clock(part: VideoFeatures) -> None:
    """Raise StoreError for a video whose segments have no times."""
    if not part.time_span[:, 1].max() > part.time_span[:, 0].min():
        raise StoreError(
            f"{part.video_id}: its segments have no times, so there are no seconds until an alert; extract "
            "it, or import it with --fps"
        )
