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
from score.evaluation.checks import check_videos, list_details, missing_note, uncovered_note
from score.evaluation.evaluate_videos import evaluate_videos
from score.evaluation.evaluation import Evaluation, Provenance, ScoredVideo
from score.evaluation.evaluation_settings import RunOptions
from score.evaluation.frame_truth import Truth
from score.evaluation.online.online_measures import check_online, evaluate_online
from score.evaluation.operating_point import choose_operating_point
from score.evaluation.pixel_truth import SLACK, PixelTruth
from score.evaluation.run_scoring import RunScoring
from score.evaluation.scorers import Leaks, Scorers, build_scorers, load_runs, match_stores
from score.pooling.rules import SegmentsConfig
from score.pooling.segment_join import joined
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
    given, (videos, cut_note) = videos, _within(videos, stores[0], absent)
    present = [video for video in videos if video.video_id not in absent]
    leaks.check_bytes(stores, [video.video_id for video in present])
    join_note = _check_frames_of_runs(runs, stores, present, truth)
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


def _check_frames_of_runs(
    runs: Sequence[Sequence[Checkpoint]],
    stores: Sequence[FeatureStore],
    videos: Sequence[Video],
    truth: Truth,
) -> list[str]:
    """check_frames of each run with its own stores; notes once."""
    notes: list[str] = []
    begin = 0
    for run in runs:
        own = stores[begin : begin + len(run[0].specs)]
        notes += check_frames(own, videos, truth, run[0].config.data.segments)
        begin += len(own)
    return list(dict.fromkeys(notes))


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


def _within(
    videos: Sequence[Video], store: FeatureStore, absent: Collection[str]
) -> tuple[list[Video], list[str]]:
    """Cut spans that end up to SLACK frames after the decoded video, as spans of masks may; with a note.

    Only if the list has no num_frames: a different length in the list means a different video.
    """
    cut = []
    found = []
    for video in videos:
        last = max((stop for _, stop in video.anomaly_spans), default=0)
        if video.num_frames is None and last and video.video_id not in absent:
            length = store.header(video.video_id).num_frames
            if length < last <= length + SLACK:
                spans = tuple(
                    (min(start, length - 1), min(stop, length)) for start, stop in video.anomaly_spans
                )
                video = replace(video, anomaly_spans=spans)
                cut.append(video.video_id)
        found.append(video)
    note = f"{counted(cut, 'video')} whose last span ends {SLACK} frame after the video, cut there"
    return found, [f"{note}: {listed(cut)}"] if cut else []


def check_frames(
    stores: Sequence[FeatureStore], videos: Sequence[Video], truth: Truth, segments: SegmentsConfig
) -> list[str]:
    """Compare the length of every stored video with the list, the truth and the other stores.

    segments: says how the stores are joined, which several of them must allow. Returns notes about that.
    Raises StoreError with a line for every video, before any is scored.
    """
    problems, shorter = [], []
    specs = [store.spec for store in stores]
    for video in videos:
        headers = [store.header(video.video_id) for store in stores]
        counts = {header.num_frames for header in headers}
        count = headers[0].num_frames
        if len(counts) > 1 and segments.join == "exact":
            problems.append(
                f"{video.video_id}: the stores have {' and '.join(map(str, sorted(counts)))} frames of it; "
                "stores of unequal length are joined by --join cut or time"
            )
        elif video.num_frames not in (None, count):
            problems.append(
                f"{video.video_id}: the store has {count} frames, the list says {video.num_frames}"
            )
        elif problem := truth.problem(video, count):
            problems.append(problem)
        else:
            try:
                parts = joined(headers, specs, segments)
            except StoreError as error:
                problems.append(str(error))
            else:
                if parts[0].num_segments < max(header.num_segments for header in headers):
                    shorter.append(video.video_id)
    if problems:
        raise StoreError(*problems)
    if len(stores) == 1 or segments.join == "exact":
        return []
    if segments.join == "time":
        return ["the stores are joined by time, by the segments of the first"]
    cut = (
        f"; the longer one loses its end in {counted(shorter, 'video')}: {listed(shorter)}" if shorter else ""
    )
    return [f"the stores are joined by the shorter{cut}"]


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
