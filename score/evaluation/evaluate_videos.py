"""From scored videos to an Evaluation: measures over seeds with intervals, the oracle, and rows by class.

Knows neither stores nor heads: score.evaluation.evaluate_run provides the scores of a run, evaluate_files
those of files.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from extract.runtime.text import listed
from score.evaluation.class_detection import class_detection
from score.evaluation.class_rows import class_report, class_rows
from score.evaluation.evaluation import (
    ClassResults,
    Evaluation,
    OperatingPoint,
    Provenance,
    ScoredVideo,
    Summary,
    labels_of,
)
from score.evaluation.evaluation_settings import RESAMPLES
from score.evaluation.measure_names import NEED_TRUTH
from score.evaluation.measures import (
    anomalous_of,
    event_measures,
    event_rows,
    frame_measures_of,
    over_seeds,
    pixel_measures_of,
    video_measures_of,
)
from score.metrics import Measure, bootstrap, oracle_measures, pairwise_accuracy

FEWEST_ANOMALOUS = 2  # with one anomalous video every draw holds the same one, so there is no interval
HALF_UNSMOOTHED = OperatingPoint()
# float32 loses this much in a mean or a softmax; scores on other scales leave [0, 1] by far more.
ROUNDING = 1e-6


def evaluate_videos(
    videos: Sequence[ScoredVideo],
    provenance: Provenance,
    *,
    operating_point: OperatingPoint = HALF_UNSMOOTHED,
    event_classes: Sequence[str] = (),
    resamples: int = RESAMPLES,
    seed: int = 0,
) -> Evaluation:
    """Measure the scores of all test videos.

    event_classes: names of the columns of class_probability and class_events. seed: of the draws behind the
    intervals. Raises ValueError without videos.
    """
    if not videos:
        raise ValueError("there is no video to evaluate")
    if len({len(video.video_score) for video in videos}) > 1:
        raise ValueError("the videos have scores of different numbers of seeds")
    videos, notes = without_rounding(videos)
    provenance = replace(provenance, notes=(*provenance.notes, *notes))
    anomalous, labels = anomalous_of(videos), labels_of(videos)
    resamples = resamples if anomalous.sum() >= FEWEST_ANOMALOUS else 0
    # Drawn once: all measures and all seeds see the same draws of videos.
    weights = bootstrap.draw_weights(len(videos), resamples=resamples, seed=seed)
    seeds = range(len(videos[0].video_score))
    parts = (video_measures_of, pixel_measures_of)
    if labels is not None:
        parts = (*parts, frame_measures_of, event_measures)
    summaries: dict[str, Summary] = {}
    for part in parts:
        thresholds = operating_point.thresholds
        drawn = [part(videos, index, weights=weights, thresholds=thresholds) for index in seeds]
        summaries |= over_seeds(drawn)
    if labels is not None:
        events = event_rows(summaries)
        oracle = oracle_measures(labels, anomalous)
        pairs = pairwise_accuracy(labels, [video.mean_score for video in videos])
    else:
        events, reason = (), lacks_truth(videos)
        summaries |= {name: Summary((None,) * len(seeds), reason=reason) for name in NEED_TRUTH}
        oracle = {name: Measure(None, reason) for name in ("oracle_frame_auc", "oracle_frame_ap")}
        pairs = [None] * len(videos)
    rows, report = tuple(class_rows(videos, operating_point.thresholds)), None
    if event_classes:
        report, measures = class_report(videos, event_classes)
        if labels is not None:
            measures |= class_detection(videos, event_classes)
        summaries |= measures
    return Evaluation(
        provenance=provenance,
        operating_point=operating_point,
        videos=tuple(videos),
        summaries=summaries,
        oracle=oracle,
        pair_accuracy=tuple(pairs),
        events=events,
        classes=ClassResults(rows, report),
    )


def without_rounding(videos: Sequence[ScoredVideo]) -> tuple[Sequence[ScoredVideo], tuple[str, ...]]:
    """(the videos, notes): clipped if every score is within ROUNDING of [0, 1], else as they are."""
    rows = [rows for video in videos for rows in (video.frame_score, video.video_score) if rows.size]
    lowest, highest = min(each.min() for each in rows), max(each.max() for each in rows)
    beyond = max(-lowest, highest - 1)
    # Scores are compared with [0, 1] exactly, so that one of 1 + 1e-9 would leave all decisions undefined.
    if not 0 < beyond <= ROUNDING:
        return videos, ()
    clipped = [
        replace(
            video,
            frame_score=np.clip(video.frame_score, 0, 1),
            video_score=np.clip(video.video_score, 0, 1),
        )
        for video in videos
    ]
    return clipped, (f"scores leave [0, 1] by {beyond:.1g}, which is rounding; they were clipped",)


def lacks_truth(videos: Sequence[ScoredVideo]) -> str:
    """Why there are no frame measures and what to do; empty if every video has frame labels."""
    lacking = [video.video.video_id for video in videos if video.label is None]
    if not lacking:
        return ""
    total = sum(video.video.is_anomalous for video in videos)
    return (
        f"frame measures need anomaly_spans (start-stop in frames) for every anomalous video of the list; "
        f"{len(lacking)} of {total} have none: {listed(lacking)}"
    )
