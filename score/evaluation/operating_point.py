"""How a run's scores become alarms: smoothing and thresholds, chosen on validation videos alone.

Validation videos are those of --val, or else those that training held out, which a checkpoint records.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from data_lists import Video, check_disjoint, frame_labels
from extract.runtime.text import listed
from extract.store import FeatureStore, StoreError
from score.bags.store_access import missing_videos
from score.evaluation.evaluation import OperatingPoint
from score.evaluation.evaluation_settings import RunOptions
from score.evaluation.scorers import Scorers
from score.metrics import roc_auc
from score.metrics.thresholds import (
    NORMAL_PERCENTILE,
    Thresholds,
    ValidationScores,
    default_rule,
    recorded_thresholds,
)
from score.scoring.frame_scores import spread
from score.scoring.smoothing import CANDIDATES, Smoothing

AUTO = "auto"


@dataclass(frozen=True)
class _SegmentScores:
    """Segment scores [S, N] of one validation video with their frames, and its video scores [S]."""

    video: Video
    segment_score: np.ndarray
    frame_span: np.ndarray
    num_frames: int
    video_score: np.ndarray


def choose_operating_point(
    scorers: Scorers,
    stores: Sequence[FeatureStore],
    tested: Sequence[Video],
    settings: RunOptions,
) -> OperatingPoint:
    """Choose thresholds for every seed of a run, and the smoothing for all of them.

    stores: in the order of the scorers' checkpoints. Without a given threshold the rule is that of
    score.metrics.thresholds. Raises ValueError for a choice that needs validation videos if there are none,
    ListError if tested videos are among them.
    """
    given = settings.threshold_rule
    smoothing = None if settings.smooth == AUTO else Smoothing.parse(settings.smooth)
    check_disjoint(settings.validation, tested)
    lists = scorers[0].checkpoint.lists
    videos = list(settings.validation) or validation_videos(lists)
    anomalous = [video.is_anomalous for video in videos]
    rule = given or default_rule(anomalous, one_class=scorers[0].head.one_class and bool(videos))
    needs_both = rule.name == "best-f1" or smoothing is None
    reason = _unusable(videos, stores, lists, given=bool(settings.validation), needs_both=needs_both)
    if reason:
        impossible = (
            [f"--threshold {settings.threshold}"] if given is not None and given.needs_validation else []
        )
        impossible += ["--smooth auto"] if smoothing is None else []
        if impossible or smoothing is None:
            raise ValueError(f"{' and '.join(impossible)}: {reason}; give other videos with --val LIST")
        thresholds = _without_validation(scorers, reason) if given is None else given.choose([])
        return OperatingPoint(thresholds, smoothing)
    # Nothing depends on scores, so none are computed.
    if smoothing is not None and not rule.needs_validation:
        return OperatingPoint(rule.choose([]), smoothing)
    scored = [_score(scorers, stores, video) for video in videos]
    notes = _notes(videos, lists)
    if smoothing is None:
        smoothing = choose_smoothing(scored)
        notes.append(f"--smooth auto chose {smoothing} on {len(videos)} validation videos")
    return OperatingPoint(rule.choose(_validation_scores(scored, smoothing)), smoothing, tuple(notes))


def _without_validation(scorers: Scorers, reason: str) -> Thresholds:
    found = recorded_thresholds([scorer.checkpoint.validation for scorer in scorers], with_videos=True)
    if found.rule == f"percentile:{NORMAL_PERCENTILE:g}":
        return found.because(f"normal training videos; {reason}")
    return found.because(reason)


def validation_videos(lists: Mapping[str, dict]) -> list[Video]:
    """The validation videos that a checkpoint records, without spans; empty if it records none."""
    for part in (lists.get("validation", {}), lists.get("train", {}).get("held_out", {})):
        if part.get("event_classes"):
            return [
                Video(name, event_class)
                for name, event_class in zip(part["video_ids"], part["event_classes"], strict=True)
            ]
    return []


def choose_smoothing(scored: Sequence[_SegmentScores]) -> Smoothing:
    """The candidate with the highest AUC, averaged over seeds; among equals the weakest.

    AUC over frames where all anomalous videos have spans, else over videos by their highest frame score.
    """
    quality = []
    for candidate in CANDIDATES:
        aucs = []
        for seed in _validation_scores(scored, candidate):
            if seed.label is None:
                measure = roc_auc(seed.anomalous.astype(np.uint8), seed.peak)
            else:
                measure = roc_auc(np.concatenate(seed.label), np.concatenate(seed.frame_score))
            aucs.append(measure.value)
        quality.append(np.mean(aucs))
    # Rounding must not prefer a stronger candidate among equals.
    best = max(quality) - 1e-12
    return next(candidate for candidate, value in zip(CANDIDATES, quality, strict=True) if value >= best)


def _unusable(
    videos: Sequence[Video],
    stores: Sequence[FeatureStore],
    lists: Mapping[str, dict],
    *,
    given: bool,
    needs_both: bool,
) -> str:
    """Why nothing can be chosen on these videos; empty if it can. given: the caller named them."""
    if not videos:
        if "validation" in lists:
            return "the checkpoint is of an older version and does not record its validation videos"
        return "the run held no video out for validation"
    anomalous = sum(video.is_anomalous for video in videos)
    if needs_both and anomalous in (0, len(videos)):
        return f"all {len(videos)} validation videos are {'anomalous' if anomalous else 'normal'}"
    for missing in missing_videos(stores, videos):
        problem = missing.text("validation videos")
        if given:
            raise StoreError(f"{problem}; extract them first")
        return problem
    return ""


def _score(scorers: Scorers, stores: Sequence[FeatureStore], video: Video) -> _SegmentScores:
    parts = scorers[0].read(stores, video.video_id)
    first = parts[0]
    if video.num_frames not in (None, first.num_frames):
        raise StoreError(
            f"{video.video_id}: the store has {first.num_frames} frames, the list says {video.num_frames}"
        )
    results = [scorer.score(*parts) for scorer in scorers]
    return _SegmentScores(
        video,
        np.stack([result.segment_score for result in results]),
        first.frame_span,
        first.num_frames,
        np.array([result.video_score for result in results]),
    )


def _validation_scores(scored: Sequence[_SegmentScores], smoothing: Smoothing) -> list[ValidationScores]:
    """One per seed."""
    anomalous = np.array([each.video.is_anomalous for each in scored])
    label = None
    if all(each.video.has_frame_truth for each in scored):
        label = tuple(frame_labels(each.video, each.num_frames) for each in scored)
    return [
        ValidationScores(
            anomalous,
            np.array([each.video_score[seed] for each in scored]),
            tuple(
                spread(
                    smoothing(each.segment_score[seed]),
                    each.frame_span,
                    num_frames=each.num_frames,
                    video_id=each.video.video_id,
                ).score
                for each in scored
            ),
            label,
        )
        for seed in range(len(scored[0].video_score))
    ]


def _notes(videos: Sequence[Video], lists: Mapping[str, dict]) -> list[str]:
    train = lists.get("train", {})
    fitted = set(train.get("video_ids", ())) - set(train.get("held_out", {}).get("video_ids", ()))
    seen = [video.video_id for video in videos if video.video_id in fitted]
    if not seen:
        return []
    return [
        f"{len(seen)} of {len(videos)} validation videos were trained on ({listed(seen)}): thresholds and "
        "smoothing were chosen on scores that are too good"
    ]
