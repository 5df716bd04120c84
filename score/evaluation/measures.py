"""Every measure of scored videos: per seed with its bootstrap draws over videos, then over seeds."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from score.evaluation.evaluation import EventRow, ScoredVideo, Summary, labels_of
from score.metrics import (
    DETECTION_OVERLAPS,
    FALSE_ALARM_THRESHOLD,
    OVERLAPS,
    Detections,
    EventRule,
    Measure,
    Ratio,
    RegionCounts,
    bootstrap,
    curve_of_counts,
    decision_ratios,
    decisions,
    detect,
    event_ratios,
    events_over,
    false_alarms,
    frame_measures,
    leave_unit,
    mean_ratio,
    own_measures,
    pixel_measures,
    runs,
    temporal_iou,
    undefined,
    video_measures,
)
from score.metrics.ratios import OUTSIDE
from score.metrics.thresholds import Thresholds

# A measure of one seed, and its value in every draw of videos; None for a measure without interval.
Drawn = dict[str, tuple[Measure, np.ndarray | None]]
EVENT_OVERLAP = 0.5  # temporal IoU of event_precision, event_recall and event_f1


def video_measures_of(
    videos: Sequence[ScoredVideo], seed: int, *, weights: np.ndarray, thresholds: Thresholds
) -> Drawn:
    """Measures that need no frame truth. weights: int [R, V], how often each draw holds each video."""
    anomalous = anomalous_of(videos)
    scores = np.array([video.video_score[seed] for video in videos])
    frames = [video.frame_score[seed] for video in videos]
    for_frames, for_videos = thresholds.of_seed(seed)
    one_each = list(anomalous.astype(np.uint8)[:, None])  # each video as one frame
    found: Drawn = {name: (measure, None) for name, measure in video_measures(anomalous, scores).items()}
    if len(weights):
        draws = bootstrap.draw_measures(bootstrap.Counts.of(one_each, list(scores[:, None])), weights)
        for name, values in (("video_auc", draws.auc), ("video_ap", draws.ap), ("video_eer", draws.eer)):
            found[name] = (found[name][0], values)
    ratios = {
        "false_alarm_rate": false_alarms(frames, anomalous, threshold=FALSE_ALARM_THRESHOLD),
        "false_alarm_rate_chosen": false_alarms(
            frames, anomalous, threshold=for_frames, assumed=thresholds.assumed
        ),
    }
    decided = decision_ratios(decisions(one_each, list(scores[:, None]), for_videos))
    if thresholds.assumed and leave_unit([scores]):
        decided = _outside(decided, for_videos)
    ratios |= {f"video_{name}": ratio for name, ratio in decided.items()}
    return found | _drawn(ratios, weights)


def frame_measures_of(
    videos: Sequence[ScoredVideo], seed: int, *, weights: np.ndarray, thresholds: Thresholds
) -> Drawn:
    """Measures that need the labels of all frames."""
    anomalous, labels = anomalous_of(videos), labels_of(videos) or []
    scores = [video.frame_score[seed] for video in videos]
    found: Drawn = {
        name: (measure, None) for name, measure in frame_measures(labels, scores, anomalous=anomalous).items()
    }
    # Sorting every video for its counts pays only if something is drawn.
    if len(weights):
        counts = bootstrap.Counts.of(labels, scores)
        draws = bootstrap.draw_measures(counts, weights)
        abnormal = bootstrap.draw_measures(counts.among(anomalous), weights[:, anomalous])
        for name, values in (
            ("frame_auc", draws.auc),
            ("frame_ap", draws.ap),
            ("frame_ap_trapezoid", draws.ap_trapezoid),
            ("frame_eer", draws.eer),
            ("precision_at_positives", draws.precision_at_positives),
            ("frame_auc_abnormal", abnormal.auc),
            ("frame_ap_abnormal", abnormal.ap),
        ):
            found[name] = (found[name][0], values)
    own_auc, own_ap = own_measures(labels, scores)
    reason = "no video has both normal and anomalous frames"
    means = {"frame_auc_macro": mean_ratio(own_auc, reason), "frame_ap_macro": mean_ratio(own_ap, reason)}
    return found | _drawn(means, weights) | _decided(labels, scores, anomalous, seed, weights, thresholds)


def event_measures(
    videos: Sequence[ScoredVideo], seed: int, *, weights: np.ndarray, thresholds: Thresholds
) -> Drawn:
    """Events at every overlap, as event_precision:0.5 and the like, and detections, as map_tiou_0.5."""
    labels, scores = labels_of(videos) or [], [video.frame_score[seed] for video in videos]
    threshold = thresholds.of_seed(seed)[0]
    ratios: dict[str, Ratio] = {}
    true = [runs(frames) for frames in labels]
    events = [events_over(values, threshold, rule=EventRule()) for values in scores]
    is_outside = thresholds.assumed and leave_unit(scores)
    for tiou, found in zip(OVERLAPS, event_ratios(true, events, OVERLAPS), strict=True):
        found = _outside(found, threshold) if is_outside else found
        ratios |= {f"event_{name}:{tiou}": ratio for name, ratio in found.items()}
    detected = Detections.of(true, [detect(values) for values in scores], DETECTION_OVERLAPS)
    precisions: Drawn = {}
    precision_draws = []
    for tiou, detections in zip(DETECTION_OVERLAPS, detected, strict=True):
        draws = detections.draws(weights)
        precisions[f"map_tiou_{tiou}"] = (detections.average_precision(), draws)
        precision_draws.append(draws)
    # The mean over overlaps is defined where every AP is; they share the reason where not.
    means = [measure.value for measure, _ in precisions.values() if measure.value is not None]
    complete = len(means) == len(precisions)
    mean = Measure(float(np.mean(means))) if complete else next(iter(precisions.values()))[0]
    precisions["map_tiou"] = (mean, np.mean(precision_draws, axis=0))
    return _drawn(ratios, weights) | precisions


def pixel_measures_of(
    videos: Sequence[ScoredVideo], seed: int, *, weights: np.ndarray, thresholds: Thresholds
) -> Drawn:
    """Measures that need the truth of pixels: empty unless all videos were compared with it."""
    del thresholds  # these measures run over all thresholds
    if not all(video.pixels for video in videos):
        return {}
    pixels = [video.pixels[seed] for video in videos]
    frames = [each.frames for each in pixels if each.frames is not None]
    found: Drawn = {}
    if len(frames) == len(pixels):
        counts = bootstrap.Counts.of([each.label for each in frames], [each.score for each in frames])
        draws = bootstrap.draw_measures(counts, weights)
        measures = pixel_measures(frames)
        found = {
            "pixel_auc": (measures["pixel_auc"], draws.auc),
            "pixel_eer": (measures["pixel_eer"], draws.eer),
        }
    regions = [each.regions for each in pixels]
    drawn = [_region_measures(regions, weight) for weight in weights]
    return found | {
        name: (measure, np.array([np.nan if row[name].value is None else row[name].value for row in drawn]))
        for name, measure in _region_measures(regions, np.ones(len(regions))).items()
    }


def _region_measures(regions: Sequence[RegionCounts], weight: np.ndarray) -> dict[str, Measure]:
    if not weight @ np.array([part.regions for part in regions]):
        return dict.fromkeys(("rbdc", "tbdc"), Measure(None, "no region is annotated"))
    return curve_of_counts(regions, weight).measures()


def over_seeds(seeds: Sequence[Drawn]) -> dict[str, Summary]:
    """Each measure over all seeds.

    The interval is that of the mean over seeds, on the same draws for each seed.
    """
    summaries = {}
    for name in seeds[0]:
        measures = [seed[name][0] for seed in seeds]
        draws = [values for seed in seeds if (values := seed[name][1]) is not None]
        reason = next((measure.reason for measure in measures if measure.value is None), "")
        drawn = not reason and len(draws) == len(seeds)
        span = bootstrap.interval(np.mean(draws, axis=0)) if drawn else None
        summaries[name] = Summary(tuple(measure.value for measure in measures), span, reason)
    return summaries


def event_rows(summaries: dict[str, Summary]) -> tuple[EventRow, ...]:
    """Move the measures of events at every overlap from `summaries` into rows.

    Those at EVENT_OVERLAP also stay, as event_precision and so on.
    """
    rows = []
    for tiou in OVERLAPS:
        at = {name: summaries.pop(f"event_{name}:{tiou}") for name in ("precision", "recall", "f1")}
        if tiou == EVENT_OVERLAP:
            summaries |= {f"event_{name}": summary for name, summary in at.items()}
        detected = summaries.get(f"map_tiou_{tiou}")
        rows.append(
            EventRow(tiou, at["precision"].mean, at["recall"].mean, at["f1"].mean, detected and detected.mean)
        )
    return tuple(rows)


def anomalous_of(videos: Sequence[ScoredVideo]) -> np.ndarray:
    """bool [V]."""
    return np.array([video.video.is_anomalous for video in videos], dtype=bool)


def _decided(
    labels: Sequence[np.ndarray],
    scores: Sequence[np.ndarray],
    anomalous: np.ndarray,
    seed: int,
    weights: np.ndarray,
    thresholds: Thresholds,
) -> Drawn:
    threshold = thresholds.of_seed(seed)[0]
    counts = decisions(labels, scores, threshold)
    ratios = {f"frame_{name}": ratio for name, ratio in decision_ratios(counts).items() if name != "accuracy"}
    ratios["temporal_iou"] = temporal_iou(counts, anomalous)
    if thresholds.assumed and leave_unit(scores):
        ratios = _outside(ratios, threshold)
    return _drawn(ratios, weights)


def _outside(ratios: dict[str, Ratio], threshold: float) -> dict[str, Ratio]:
    return {name: undefined(OUTSIDE.format(threshold), len(ratio.above)) for name, ratio in ratios.items()}


def _drawn(ratios: dict[str, Ratio], weights: np.ndarray) -> Drawn:
    as_floats = weights.astype(np.float64)  # once, because each product would convert them again
    return {name: (ratio.measure(), ratio.draws(as_floats)) for name, ratio in ratios.items()}
