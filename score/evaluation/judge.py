"""The judgement of scores: every measure over seeds with its interval, the oracle beside it, and a row a
video.

Knows neither stores nor heads: score.evaluation.run brings the scores of a run or of files here.
"""

from __future__ import annotations

from collections.abc import Sequence

from extract.runtime.text import listed
from score.evaluation.class_detection import class_detection
from score.evaluation.class_rows import class_report, class_rows
from score.evaluation.measures import (
    anomalous_of,
    event_part,
    event_rows,
    frame_part,
    over_seeds,
    pixel_part,
    video_part,
)  # fmt: skip
from score.evaluation.names import NEED_TRUTH
from score.evaluation.results import (
    ClassReport,
    ClassRow,
    Evaluation,
    EventRow,
    ScoredVideo,
    Summary,
    own_auc,
)
from score.metrics import Measure, bootstrap, oracle_measures, pairs_in_order
from score.metrics.thresholds import HALF, Thresholds

__all__ = [
    "ClassReport",
    "ClassRow",
    "EventRow",
    "Evaluation",
    "ScoredVideo",
    "Summary",
    "judge",
    "own_auc",
]

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
    columns of class_probability and class_events. seed decides the draws of the interval. Raises ValueError
    for no video.
    """
    if not videos:
        raise ValueError("there is no video to evaluate")
    if len({len(video.video_score) for video in videos}) > 1:
        raise ValueError("the videos have scores of different numbers of seeds")
    anomalous = anomalous_of(videos)
    resamples = resamples if anomalous.sum() >= FEWEST_ANOMALOUS else 0
    weights = bootstrap.draw_weights(len(videos), resamples=resamples, seed=seed)
    seeds = range(len(videos[0].video_score))
    with_truth = not (reason := lacks_truth(videos))
    parts = (video_part, pixel_part, *((frame_part, event_part) if with_truth else ()))
    summaries = {}
    for part in parts:
        drawn = [part(videos, index, weights=weights, thresholds=thresholds) for index in seeds]
        summaries |= over_seeds(drawn)
    events = event_rows(summaries) if with_truth else ()
    labels = [video.label for video in videos]
    if with_truth:
        oracle = oracle_measures(labels, anomalous)
        pairs = pairs_in_order(labels, [video.mean_score for video in videos])
    else:
        summaries |= {name: Summary((None,) * len(seeds), reason=reason) for name in NEED_TRUTH}
        oracle = {name: Measure(None, reason) for name in ("oracle_frame_auc", "oracle_frame_ap")}
        pairs = [None] * len(videos)
    report, measures = class_report(videos, event_classes) if event_classes else (None, {})
    if report is not None and with_truth:
        measures |= class_detection(videos, event_classes)
    return Evaluation(
        title,
        tuple(videos),
        summaries | measures,
        oracle,
        tuple(pairs),
        tuple(class_rows(videos, thresholds)),
        convention,
        tuple(notes),
        details or {},
        thresholds,
        smoothing,
        events,
        report,
    )


def lacks_truth(videos: Sequence[ScoredVideo]) -> str:
    """Why there are no frame measures, with what to do; empty when every video has frame labels."""
    lacking = [video.video.video_id for video in videos if video.label is None]
    if not lacking:
        return ""
    total = sum(video.video.is_anomalous for video in videos)
    return (
        f"frame measures need anomaly_spans (start-stop in frames) for every anomalous video of the list; "
        f"{len(lacking)} of {total} have none: {listed(lacking)}"
    )
