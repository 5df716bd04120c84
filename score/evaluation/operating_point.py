"""How a run's scores become alarms: smoothing and thresholds, chosen on its validation videos alone.

Validation videos are those of --val, or else those that training held out; a checkpoint remembers which.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from data_lists import Video, check_disjoint, frame_labels
from extract.runtime.text import listed
from extract.store import FeatureStore, StoreError
from score.metrics import roc_auc
from score.metrics.thresholds import HALF, NORMAL_PERCENTILE, ThresholdRule, Thresholds, ValidationScores
from score.scoring.frame_scores import spread
from score.scoring.scorer import Scorer
from score.scoring.smoothing import CANDIDATES, Smoothing

AUTO = "auto"


@dataclass(frozen=True)
class Decision:
    """What is done to scores. notes: what a reader must know about the choice."""

    thresholds: Thresholds
    smoothing: Smoothing
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class _Scored:
    """Segment scores [S, N] of one validation video, with their frames, and its video scores [S]."""

    video: Video
    segment_score: np.ndarray
    frame_span: np.ndarray
    num_frames: int
    video_score: np.ndarray


def decide(
    scorers: Sequence[Scorer],
    stores: Sequence[FeatureStore],
    *,
    tested: Sequence[Video],
    validation: Sequence[Video] = (),
    threshold: str | None = None,
    smooth: str = "none",
) -> Decision:
    """Choose for every seed of a run. stores: in the order of the scorers' checkpoints.

    validation: a list of its own; empty = what training held out. threshold: None = the best F1 on validation
    videos where there are any; of a one-class head what NORMAL_PERCENTILE % of normal ones stay below, of validation or else of
    training; else 0.5, and the source says so. Raises ValueError for a choice that needs
    validation videos where there are none, ListError where tested videos are among them.
    """
    asked_for = rule = None if threshold is None else ThresholdRule.parse(threshold)
    smoothing = None if smooth == AUTO else Smoothing.parse(smooth)
    check_disjoint(validation, tested)
    lists = scorers[0].checkpoint.lists
    videos = list(validation) or validation_videos(lists)
    if (
        rule is None
        and scorers[0].head.one_class
        and videos
        and not any(video.is_anomalous for video in videos)
    ):
        rule = ThresholdRule("percentile", NORMAL_PERCENTILE)
    both = rule is None or rule.name == "best-f1" or smoothing is None  # classes are needed
    reason = _useless(videos, stores, lists, given=bool(validation), both=both)
    if reason:
        asked = [name for name, need in (
            (f"--threshold {threshold}", asked_for is not None and asked_for.needs_validation),
            ("--smooth auto", smoothing is None),
        ) if need]  # fmt: skip
        if asked:
            raise ValueError(f"{' and '.join(asked)}: {reason}; give other videos with --val LIST")
        thresholds = _without_validation(scorers, reason) if asked_for is None else asked_for.choose([])
        return Decision(thresholds, smoothing)
    if smoothing is not None and rule is not None and not rule.needs_validation:
        return Decision(rule.choose([]), smoothing)
    scored = [_score(scorers, stores, video) for video in videos]
    notes = _notes(videos, lists)
    if smoothing is None:
        smoothing = choose_smoothing(scored)
        notes.append(f"--smooth auto chose {smoothing} on {len(videos)} validation videos")
    seeds = _validation_scores(scored, smoothing)
    return Decision((rule or ThresholdRule("best-f1")).choose(seeds), smoothing, tuple(notes))


def _without_validation(scorers: Sequence[Scorer], reason: str) -> Thresholds:
    told = [scorer.checkpoint.validation for scorer in scorers]
    if any(each.get("usual_frame_score") is None for each in told):
        return HALF.because(reason)
    frame, video = (tuple(each[f"usual_{name}_score"] for each in told) for name in ("frame", "video"))
    return Thresholds(frame, video, f"percentile:{NORMAL_PERCENTILE:g}", f"normal training videos; {reason}")


def validation_videos(lists: Mapping[str, dict]) -> list[Video]:
    """The validation videos that a checkpoint remembers, without spans; none where it does not."""
    for part in (lists.get("validation", {}), lists.get("train", {}).get("held_out", {})):
        if part.get("event_classes"):
            return [
                Video(name, event_class)
                for name, event_class in zip(part["video_ids"], part["event_classes"], strict=True)
            ]
    return []


def choose_smoothing(scored: Sequence[_Scored]) -> Smoothing:
    """The candidate with the highest AUC, the mean over seeds; of equals the weakest.

    AUC over frames where all anomalous videos have spans; else over videos by their highest frame score.
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
    best = max(quality) - 1e-12
    return next(candidate for candidate, value in zip(CANDIDATES, quality, strict=True) if value >= best)


def _useless(
    videos: Sequence[Video],
    stores: Sequence[FeatureStore],
    lists: Mapping[str, dict],
    *,
    given: bool,
    both: bool,
) -> str:
    """Why nothing can be chosen on these videos; empty where it can."""
    if not videos:
        if "validation" in lists:
            return "the checkpoint is of an older version and does not tell its validation videos"
        return "the run held no video out for validation"
    anomalous = sum(video.is_anomalous for video in videos)
    if both and anomalous in (0, len(videos)):
        return f"all {len(videos)} validation videos are {'anomalous' if anomalous else 'normal'}"
    for store in stores:
        known = set(store.ids())
        if lacking := [video.video_id for video in videos if video.video_id not in known]:
            problem = (
                f"{store.root} lacks {len(lacking)} of {len(videos)} validation videos: {listed(lacking)}"
            )
            if given:
                raise StoreError(f"{problem}; extract them first")
            return problem
    return ""


def _score(scorers: Sequence[Scorer], stores: Sequence[FeatureStore], video: Video) -> _Scored:
    parts = [store.read(video.video_id) for store in stores]
    first = parts[0]
    if video.num_frames not in (None, first.num_frames):
        raise StoreError(
            f"{video.video_id}: the store has {first.num_frames} frames, the list says {video.num_frames}"
        )
    results = [scorer.score(*parts) for scorer in scorers]
    return _Scored(
        video,
        np.stack([result.segment_score for result in results]),
        first.frame_span,
        first.num_frames,
        np.array([result.video_score for result in results]),
    )


def _validation_scores(scored: Sequence[_Scored], smoothing: Smoothing) -> list[ValidationScores]:
    """One a seed."""
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
