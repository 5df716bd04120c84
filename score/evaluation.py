"""The judgement of scores: every measure over seeds with its interval, the oracle beside it, and a row a
video.

Knows neither stores nor heads: score.evaluate brings the scores of a run or of files here.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from data_lists.video import NORMAL
from score import bootstrap
from score.metrics import (
    Measure,
    false_alarm_rate,
    frame_measures,
    oracle_measures,
    pairs_in_order,
    roc_auc,
    video_measures,
)
from score.results import ClassReport, ClassRow, EventRow, Evaluation, ScoredVideo, Summary, own_auc, some
from score.thresholds import HALF, Thresholds

__all__ = [
    "ClassReport",
    "ClassRow",
    "EventRow",
    "Evaluation",
    "ScoredVideo",
    "Summary",
    "judge",
    "own_auc",
    "some",
]

FRAME_MEASURES = ("frame_auc", "frame_ap", "frame_ap_trapezoid", "frame_auc_abnormal", "frame_auc_macro")
RESAMPLES = 1000
FEWEST_ANOMALOUS = 2  # with one anomalous video every draw holds the same one: no interval


def judge(
    videos: Sequence[ScoredVideo],
    *,
    title: str,
    convention: str = "native",
    notes: Sequence[str] = (),
    details: dict | None = None,
    thresholds: Thresholds = HALF,
    smoothing: str = "none",
    event_classes: Sequence[str] = (),
    resamples: int = RESAMPLES,
    seed: int = 0,
) -> Evaluation:
    """Measure the scores of all test videos.

    thresholds: for alarms. smoothing: what was done to the scores, for a reader. event_classes: names of the
    columns of class_probability. seed decides the draws of the interval. Raises ValueError for no video.
    """
    if not videos:
        raise ValueError("there is no video to evaluate")
    if len({len(video.video_score) for video in videos}) > 1:
        raise ValueError("the videos have scores of different numbers of seeds")
    anomalous = np.array([video.video.is_anomalous for video in videos])
    resamples = resamples if anomalous.sum() >= FEWEST_ANOMALOUS else 0
    weights = bootstrap.draw_weights(len(videos), resamples=resamples, seed=seed)
    summaries = _video_summaries(videos, anomalous, weights)
    reason = lacks_truth(videos)
    if reason:
        summaries |= {
            name: Summary((None,) * len(videos[0].video_score), reason=reason) for name in FRAME_MEASURES
        }
        oracle = {name: Measure(None, reason) for name in ("oracle_frame_auc", "oracle_frame_ap")}
        pairs: list[float | None] = [None] * len(videos)
    else:
        labels = [video.label for video in videos]
        summaries |= _frame_summaries(videos, labels, anomalous, weights)
        oracle = oracle_measures(labels, anomalous)
        pairs = pairs_in_order(labels, [video.mean_score for video in videos])
    return Evaluation(
        title,
        tuple(videos),
        summaries,
        oracle,
        tuple(pairs),
        tuple(class_rows(videos)),
        convention,
        tuple(notes),
        details or {},
        thresholds,
        smoothing,
    )


def class_rows(videos: Sequence[ScoredVideo]) -> list[ClassRow]:
    """A row for every event class, normal videos last."""
    normal = [video for video in videos if not video.video.is_anomalous]
    names = sorted({video.video.event_class for video in videos if video.video.is_anomalous})
    rows = []
    for name in [*names, *([NORMAL] if normal else [])]:
        members = [video for video in videos if video.video.event_class == name]
        annotated = all(video.label is not None for video in members)
        rows.append(
            ClassRow(
                event_class=name,
                videos=len(members),
                frames=sum(video.num_frames for video in members),
                positives=sum(int(video.label.sum()) for video in members) if annotated else None,
                video_score=float(np.mean([video.video_score.mean() for video in members])),
                frame_auc=_pooled_auc(members) if annotated else None,
                frame_auc_with_normal=_pooled_auc(members + normal) if annotated and name != NORMAL else None,
            )
        )
    return rows


def lacks_truth(videos: Sequence[ScoredVideo]) -> str:
    """Why there are no frame measures, with what to do; empty when every video has frame labels."""
    lacking = [video.video.video_id for video in videos if video.label is None]
    if not lacking:
        return ""
    total = sum(video.video.is_anomalous for video in videos)
    return (
        f"frame measures need anomaly_spans (start-stop in frames) for every anomalous video of the list; "
        f"{len(lacking)} of {total} have none: {some(lacking)}"
    )


def _pooled_auc(videos: Sequence[ScoredVideo]) -> float | None:
    labels, scores = [video.label for video in videos], [video.mean_score for video in videos]
    return roc_auc(np.concatenate(labels), np.concatenate(scores)).value


def _video_summaries(
    videos: Sequence[ScoredVideo], anomalous: np.ndarray, weights: np.ndarray
) -> dict[str, Summary]:
    scores = np.stack([video.video_score for video in videos], axis=1)  # [S, V]
    measures = [
        video_measures(anomalous, row)
        | {"false_alarm_rate": false_alarm_rate([video.frame_score[index] for video in videos], anomalous)}
        for index, row in enumerate(scores)
    ]
    ones = anomalous.astype(np.uint8)[:, None]
    draws = [bootstrap.draw_measures(bootstrap.Counts.of(ones, row[:, None]), weights) for row in scores]
    drawn = {"video_auc": [draw.auc for draw in draws], "video_ap": [draw.ap for draw in draws]}
    return _summaries(measures, drawn)


def _frame_summaries(
    videos: Sequence[ScoredVideo], labels: Sequence[np.ndarray], anomalous: np.ndarray, weights: np.ndarray
) -> dict[str, Summary]:
    measures, drawn = [], {"frame_auc": [], "frame_ap": [], "frame_auc_abnormal": []}
    for index in range(len(videos[0].video_score)):
        scores = [video.frame_score[index] for video in videos]
        measures.append(frame_measures(labels, scores, anomalous=anomalous))
        counts = bootstrap.Counts.of(labels, scores)
        draws = bootstrap.draw_measures(counts, weights)
        drawn["frame_auc"].append(draws.auc)
        drawn["frame_ap"].append(draws.ap)
        drawn["frame_auc_abnormal"].append(bootstrap.draw_measures(counts, weights * anomalous).auc)
    return _summaries(measures, drawn)


def _summaries(
    measures: Sequence[dict[str, Measure]], drawn: dict[str, list[np.ndarray]]
) -> dict[str, Summary]:
    found = {}
    for name in measures[0]:
        values = tuple(measure[name].value for measure in measures)
        reason = next((measure[name].reason for measure in measures if measure[name].value is None), "")
        # the mean over seeds of every draw: the same videos for all seeds
        span = bootstrap.interval(np.mean(drawn[name], axis=0)) if name in drawn and not reason else None
        found[name] = Summary(values, span, reason)
    return found
