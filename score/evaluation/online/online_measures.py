"""Online measures of a run: what it knew in time, at thresholds that validation videos chose."""

from __future__ import annotations

from collections.abc import Collection, Sequence

import numpy as np

from data_lists import ListError, Video
from extract.runtime.text import counted, listed
from extract.store import FeatureStore
from score.bags.store_access import missing_videos
from score.config.look_ahead import look_ahead
from score.evaluation.evaluate_videos import FEWEST_ANOMALOUS
from score.evaluation.evaluation import OperatingPoint, Summary
from score.evaluation.evaluation_settings import RunOptions
from score.evaluation.frame_truth import NATIVE, Truth
from score.evaluation.measures import Drawn, over_seeds
from score.evaluation.online.online_results import BUDGETS, OnlineResults, OnlineThreshold
from score.evaluation.online.online_videos import OnlineVideo, read_online
from score.evaluation.operating_point import validation_videos
from score.metrics import Measure, bootstrap, roc_auc
from score.metrics.alert_curve import alert_curve, threshold_at
from score.metrics.online_alerts import SECONDS_AN_HOUR, AlertRaiser, count_alerts, merge_events
from score.scoring.causal_scores import window_of
from score.scoring.scorer import Scorer
from score.scoring.smoothing import Smoothing

ALERT_MEASURES = ("delay", "missed", "false_alarms")


def evaluate_online(
    scorers: Sequence[Scorer],
    stores: Sequence[FeatureStore],
    videos: Sequence[Video],
    truth: Truth,
    operating_point: OperatingPoint,
    settings: RunOptions,
) -> tuple[OnlineResults, dict[str, Summary]]:
    """Score test videos causally and measure them. stores: in the order of the scorers' checkpoints.

    Raises ListError for a video that is not annotated, and as read_online does.
    """
    smoothing, raiser = operating_point.smoothing, settings.online
    if raiser is None:
        raise ValueError("evaluate_online needs settings.online, the rule that raises alerts")
    scored = read_online(scorers, stores, videos, truth, smoothing=smoothing)
    normal, lacking = _normal_validation(scorers, stores, settings.validation)
    held = read_online(scorers, stores, normal, Truth.of(NATIVE, normal), smoothing=smoothing)
    thresholds = _thresholds(operating_point, held, len(scorers), lacking, raiser)
    resamples = (
        settings.resamples if sum(each.video.is_anomalous for each in scored) >= FEWEST_ANOMALOUS else 0
    )
    weights = bootstrap.draw_weights(len(scored), resamples=resamples, seed=0)
    summaries = over_seeds(
        [_measures(scored, seed, thresholds, weights, raiser) for seed in range(len(scorers))]
    )
    events = [each.events for each in scored]
    hours = count_alerts([each.timed[0] for each in scored], events, np.inf, raiser=raiser).hours.sum()
    return OnlineResults(
        look_ahead(scorers[0].checkpoint.config),
        window_of(scorers[0].checkpoint.config),
        raiser.quiet,
        raiser.words,
        sum(len(merge_events(each, quiet=raiser.quiet)) for each in events),
        float(hours),
        thresholds,
        tuple(
            tuple(alert_curve([each.timed[seed] for each in scored], events, raiser=raiser))
            for seed in range(len(scorers))
        ),
        tuple(_notes(held, float(hours))),
    ), summaries


def check_online(videos: Sequence[Video], truth: Truth, *, absent: Collection[str], smooth: str) -> None:
    """Before any video is scored. Raises ValueError or ListError for what cannot be measured online."""
    if smooth == "auto" or not Smoothing.parse(smooth).is_causal:
        raise ValueError(f"--online with --smooth {smooth}, which may look ahead; use none or ema:A")
    if absent:
        raise ValueError(
            f"--online: {counted(absent, 'video')} missing ({listed(sorted(absent))}), and nothing says how "
            "long they last; extract them"
        )
    if unknown := [video.video_id for video in videos if not truth.knows(video)]:
        raise ListError(
            [
                f"--online needs anomaly_spans (start-stop in frames) for every anomalous video of the list; "
                f"{len(unknown)} have none: {listed(unknown)}"
            ]
        )


def _normal_validation(
    scorers: Sequence[Scorer], stores: Sequence[FeatureStore], given: Sequence[Video]
) -> tuple[list[Video], str]:
    """(normal validation videos, why there are none)."""
    videos = list(given) or validation_videos(scorers[0].checkpoint.lists)
    normal = [video for video in videos if not video.is_anomalous]
    if not normal:
        return [], "no validation video is normal; give some with --val LIST"
    if missing := missing_videos(stores, normal):
        return [], missing[0].text("validation videos")
    return normal, ""


def _thresholds(
    operating_point: OperatingPoint,
    held: Sequence[OnlineVideo],
    seeds: int,
    lacking: str,
    raiser: AlertRaiser,
) -> tuple[OnlineThreshold, ...]:
    chosen = operating_point.thresholds
    own = tuple(chosen.of_seed(seed)[0] for seed in range(seeds))
    found = [OnlineThreshold("chosen", own, f"{chosen.rule}: {chosen.source}")]
    for budget in BUDGETS:
        name = f"at_{budget}"
        if lacking:
            found.append(OnlineThreshold(name, (), lacking))
            continue
        values = [
            threshold_at([each.timed[seed] for each in held], budget, raiser=raiser) for seed in range(seeds)
        ]
        found.append(OnlineThreshold(name, tuple(values), f"{counted(held, 'normal validation video')}"))
    return tuple(found)


def _measures(
    videos: Sequence[OnlineVideo],
    seed: int,
    thresholds: Sequence[OnlineThreshold],
    weights: np.ndarray,
    raiser: AlertRaiser,
) -> Drawn:
    found: Drawn = {}
    for name in ("causal", "held"):
        rows = [getattr(each, f"{name}_score")[seed] for each in videos]
        # Before its first segment ended a video has no score, which is no reason to rank these frames low.
        labels = [
            each.label[np.isfinite(row)]
            for each, row in zip(videos, rows, strict=True)
            if each.label is not None
        ]
        scores = [row[np.isfinite(row)] for row in rows]
        draws = None
        if len(weights):
            draws = bootstrap.draw_measures(bootstrap.Counts.of(labels, scores), weights).auc
        found[f"{name}_frame_auc"] = roc_auc(np.concatenate(labels), np.concatenate(scores)), draws
    timed, events = [each.timed[seed] for each in videos], [each.events for each in videos]
    for each in thresholds:
        if not each.threshold:
            found |= {f"{name}_{each.name}": (Measure(None, each.source), None) for name in ALERT_MEASURES}
            continue
        ratios = count_alerts(timed, events, each.threshold[seed], raiser=raiser).ratios()
        found |= {
            f"{name}_{each.name}": (ratio.measure(), ratio.draws(weights)) for name, ratio in ratios.items()
        }
    return found


def _notes(held: Sequence[OnlineVideo], hours: float) -> list[str]:
    notes = [
        f"false alarms are counted in {hours:.2f} hours without an event: "
        f"one alarm is {1 / hours:.3g} an hour"
    ]
    if held:
        known = sum(each.timed[0].end for each in held) / SECONDS_AN_HOUR
        words = counted(held, "normal validation video")
        notes.append(
            f"{words} last {known:.2f} hours, so that one alarm in them is already {1 / known:.3g} an hour"
        )
    return notes
