"""A trained run, evaluated on the stored features of a test list.

Whatever would change the meaning of a number is refused: a video missing from the store, a store with another
spec, a number of frames that differs from the list, a test video that the head was trained on.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Sequence
from dataclasses import replace
from pathlib import Path

from data_lists import Video
from extract.runtime.text import counted, listed
from extract.store import FeatureStore, StoreError
from score.bags.store_access import missing_videos
from score.evaluation.checks import (
    check_frames_of_runs,
    check_videos,
    list_details,
    missing_note,
    uncovered_note,
    within_videos,
)
from score.evaluation.evaluate_videos import evaluate_videos
from score.evaluation.evaluation import Evaluation, Provenance, ScoredVideo
from score.evaluation.evaluation_settings import RunOptions
from score.evaluation.frame_truth import Truth
from score.evaluation.online.online_measures import check_online, evaluate_online
from score.evaluation.operating_point import choose_operating_point
from score.evaluation.pixel_truth import PixelTruth
from score.evaluation.run_scoring import RunScoring
from score.evaluation.scorers import Leaks, Scorers, build_scorers, load_runs, match_stores
from score.runs.checkpoint import Checkpoint
from score.scoring.anomaly_maps import check_maps
from score.scoring.ensemble import run_title
from score.scoring.scorer import Scorer

DEFAULTS = RunOptions()


def evaluate_run(
    run: Path | str | Sequence[Path | str],
    stores: Sequence[FeatureStore],
    videos: Sequence[Video],
    settings: RunOptions = DEFAULTS,
) -> Evaluation:
    """Score the test videos with every seed of a run and evaluate the scores.

    run: folder of seed_0 ... seed_k, or one checkpoint; of several the scores are averaged. stores: in any
    order, with the specs that the runs were trained on. Raises CheckpointError, StoreError, ListError, and
    ValueError for settings that the run does not support.
    """
    check_videos(videos)
    truth = Truth.of(settings.convention, videos, settings.given)
    runs, ensemble = load_runs(run, settings)
    stores = match_stores(runs, ensemble, list(stores))  # of all seeds, which load_run compared
    leaks = Leaks(runs, videos, allow=settings.allow_leak)
    absent = _absent(stores, videos, missing=settings.missing)
    given, (videos, cut_note) = videos, within_videos(videos, stores[0], absent)
    present = [video for video in videos if video.video_id not in absent]
    leaks.check_bytes(stores, [video.video_id for video in present])
    join_note = check_frames_of_runs(runs, stores, present, truth)
    scorers = build_scorers(runs, ensemble, device=settings.device)
    if settings.pixel_truth is not None:
        _check_pixels(scorers, stores, videos, absent=absent, truth=settings.pixel_truth)
    if settings.online is not None:
        check_online(videos, truth, absent=absent, smooth=settings.smooth)
    # Everything that can be refused is refused by now: scoring may take hours.
    operating_point = choose_operating_point(scorers, stores, videos, settings)
    scoring = RunScoring(scorers, truth, operating_point.smoothing, settings.pixel_truth)
    scored = scoring.score(stores, videos, absent=absent, leaks=leaks)
    notes = (
        *leaks.finish(),
        *operating_point.notes,
        *missing_note(absent),
        *uncovered_note(scoring.uncovered),
        *truth.notes(videos),
        *cut_note,
        *join_note,
    )
    details = _run_details(runs[0], stores, given) | truth.details() | _pixel_details(settings.pixel_truth)
    title = f"{run_title(runs[0][0])}, {counted(runs[0], 'seed')}"
    if ensemble is not None:
        title = ensemble.title
        details |= {"ensemble": {"runs": ensemble.describe(), "weights_from": ensemble.weights_from}}
        shares = ", ".join(f"{each['weight']:.2f} {each['run']}" for each in ensemble.describe())
        notes = (f"weights of the runs: {shares} ({ensemble.weights_from})", *notes)
    provenance = Provenance(title, settings.convention, notes, details)
    found = evaluate_videos(
        scored,
        provenance,
        operating_point=operating_point,
        event_classes=_event_classes(runs[0], scored),
        resamples=settings.resamples,
    )
    if settings.online is None:
        return found
    own = [each for each in scorers if isinstance(each, Scorer)]  # load_runs refuses several runs
    online, summaries = evaluate_online(own, stores, videos, truth, operating_point, settings)
    return replace(found, online=online, summaries=found.summaries | summaries)


def _check_pixels(
    scorers: Scorers,
    stores: Sequence[FeatureStore],
    videos: Sequence[Video],
    *,
    absent: Collection[str],
    truth: PixelTruth,
) -> None:
    """Before any video is scored."""
    first = scorers[0]
    assert isinstance(first, Scorer)  # load_runs refuses maps of several runs
    check_maps(first)
    if absent:
        raise StoreError(
            f"{counted(absent, 'video')} missing ({listed(sorted(absent))}): masks and boxes need the maps "
            "of every test video; extract them, or evaluate without --masks and --boxes"
        )
    truth.check(videos, {video.video_id: stores[0].header(video.video_id).num_frames for video in videos})


def _pixel_details(truth: PixelTruth | None) -> dict:
    if truth is None:
        return {}
    return {"pixel_truth": {key: value and str(value) for key, value in vars(truth).items()}}


def _event_classes(checkpoints: Sequence[Checkpoint], scored: Sequence[ScoredVideo]) -> tuple[str, ...]:
    """Names of the classes that the head predicts; empty if it predicts none."""
    predicted = any(video.class_probability is not None for video in scored)
    return checkpoints[0].bag_spec.event_classes if predicted else ()


def _absent(stores: Sequence[FeatureStore], videos: Sequence[Video], *, missing: str) -> set[str]:
    """Test videos that are missing from a store.

    Raises StoreError, one line per store, unless they are to be scored 0.
    """
    found = missing_videos(stores, videos)
    absent = {video_id for each in found for video_id in each.video_ids}
    if found and (missing == "error" or len(absent) == len(videos)):
        advice = "extract them, or score them 0 with --missing zero"
        raise StoreError(*(f"{each.text('test videos')}; {advice}" for each in found))
    return absent


def _run_details(
    checkpoints: Sequence[Checkpoint], stores: Sequence[FeatureStore], videos: Sequence[Video]
) -> dict:
    first = checkpoints[0]
    return {
        "seeds": [checkpoint.seed for checkpoint in checkpoints],
        "epochs": [checkpoint.epoch for checkpoint in checkpoints],
        "validation": [checkpoint.validation for checkpoint in checkpoints],
        "config": first.config.to_dict(),
        "trained_on": {
            name: {key: part[key] for key in ("digest", "videos") if key in part}
            for name, part in first.lists.items()
        },
        "started_from": [each.source.words for each in checkpoints if each.source is not None],
        "stores": [str(store.root) for store in stores],
        "specs": [json.loads(store.spec.to_json()) for store in stores],
        "versions_of_training": first.versions,
        **list_details(videos),
    }
