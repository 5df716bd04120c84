"""From a trained run and stores to an Evaluation of a test list; score.evaluation.external does it for files of
scores.

What would make a number mean something else than it says is refused: a video that the store lacks, a store
of another spec, another number of frames than the list has, a test video that the head was trained on.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from data_lists import Video
from extract.runtime.text import counted, listed
from extract.store import FeatureStore, StoreError, VideoFeatures
from score.evaluation.checks import (
    check_videos,
    list_details,
    missing_note,
    uncovered_note,
    zero_scores,
)
from score.evaluation.class_detection import class_events
from score.evaluation.class_rows import video_class_probability
from score.evaluation.external import evaluate_scores
from score.evaluation.frame_truth import NATIVE, Truth
from score.evaluation.judge import Evaluation, ScoredVideo, judge
from score.evaluation.operating_point import decide
from score.evaluation.pixel_scores import VideoPixels
from score.evaluation.pixel_truth import SLACK, PixelTruth
from score.leakage.leak_check import LeakCheck, TrainingRecord
from score.runs.checkpoint import Checkpoint, checkpoint_paths, load_checkpoint
from score.scoring.anomaly_maps import NothingToCompare, check_maps, nothing_unusual, unusual
from score.scoring.frame_scores import spread
from score.scoring.scorer import Scorer, VideoScores
from score.scoring.smoothing import Smoothing

__all__ = ["evaluate_run", "evaluate_scores"]


def evaluate_run(
    run: Path | str,
    stores: Sequence[FeatureStore],
    videos: Sequence[Video],
    *,
    missing: str = "error",
    convention: str = NATIVE,
    allow_leak: bool = False,
    device: str = "cpu",
    resamples: int = 1000,
    threshold: str | None = None,
    smooth: str = "none",
    validation: Sequence[Video] = (),
    pixel_truth: PixelTruth | None = None,
) -> Evaluation:
    """Score the test videos with every seed of a run and judge them.

    run: folder of seed_0 ... seed_k, or one checkpoint. stores: in any order, of the specs that the run was
    trained on. missing: "error", or "zero" to score videos that a store lacks with 0. allow_leak: go on although
    a test video was used in training, and say so. threshold, smooth, validation: see score.evaluation.operating_point.decide.
    pixel_truth: where in the picture anomalies are, for heads that say where. Raises CheckpointError,
    StoreError, ListError, and ValueError for a head that does not.
    """
    check_videos(videos, missing)
    truth = Truth.of(convention, videos)
    checkpoints = [load_checkpoint(path) for path in checkpoint_paths(run)]
    matched = _same_stores(checkpoints, stores)
    leaks = LeakCheck(
        [TrainingRecord(each.lists, each.fingerprints) for each in checkpoints],
        videos,
        specs=checkpoints[0].specs,
        of_clips=bool(checkpoints[0].bag_spec.array_shapes),
        allow=allow_leak,
    )
    absent = _absent(matched, videos, missing=missing)
    given, (videos, overrun) = videos, _within(videos, matched[0], absent)
    present = [video for video in videos if video.video_id not in absent]
    leaks.check_bytes(matched[0], [video.video_id for video in present])
    check_frames(matched, present, truth)
    scorers = [Scorer(checkpoint, device=device) for checkpoint in checkpoints]
    if pixel_truth is not None:
        _check_pixels(scorers, matched, videos, absent=absent, truth=pixel_truth)
    decision = decide(
        scorers, matched, tested=videos, validation=validation, threshold=threshold, smooth=smooth
    )
    listed, uncovered = {video.video_id: video for video in videos}, {}
    done = {name: zero_scores(listed[name], truth, seeds=len(scorers)) for name in absent}
    for group in scorers[0].groups(matched, [video.video_id for video in present]):
        stored = [[store.read(video_id) for store in matched] for video_id in group]
        results = zip(*(scorer.score_together(stored) for scorer in scorers), strict=True)
        for parts, seeds in zip(stored, results, strict=True):
            video = listed[parts[0].video_id]
            leaks.compare(parts)
            each = _score(seeds, parts, video, truth=truth, smoothing=decision.smoothing, uncovered=uncovered)
            if pixel_truth is not None:
                each = replace(each, pixels=_pixels(scorers, parts, video, pixel_truth))
            done[video.video_id] = each
    scored = [done[video.video_id] for video in videos]
    notes = [*leaks.finish(), *decision.notes, *missing_note(absent), *uncovered_note(uncovered)]
    notes += [*truth.notes(videos), *overrun]
    seeds = [checkpoint.seed for checkpoint in checkpoints]
    presets = " + ".join(spec.preset for spec in checkpoints[0].specs)
    title = f"{checkpoints[0].config.name} on {presets}, {counted(seeds, 'seed')}"
    return judge(
        scored,
        title=title,
        convention=convention,
        notes=notes,
        details=_run_details(checkpoints, matched, given) | _pixel_details(pixel_truth),
        resamples=resamples,
        thresholds=decision.thresholds,
        smoothing=str(decision.smoothing),
        event_classes=_event_classes(checkpoints, scored),
    )


def _score(
    results: Sequence[VideoScores],
    parts: Sequence[VideoFeatures],
    video: Video,
    *,
    truth: Truth,
    smoothing: Smoothing,
    uncovered: dict[str, int],
) -> ScoredVideo:
    """One video under every seed; enters into `uncovered` where frames have no segment."""
    first = parts[0]

    def on_frames(rows: Sequence[np.ndarray]) -> tuple[np.ndarray | None, np.ndarray]:
        """Labels [F], and rows of segments smoothed and spread over the frames of the truth [rows, F]."""
        spreads = [
            spread(smoothing(row), first.frame_span, num_frames=first.num_frames, video_id=first.video_id)
            for row in rows
        ]
        if spreads[0].uncovered:
            uncovered[first.video_id] = spreads[0].uncovered
        return truth.match(video, np.stack([each.score for each in spreads]))

    label, frame_scores = on_frames([result.segment_score for result in results])
    video_scores = np.array([result.video_score for result in results])
    told = [result.class_probability for result in results]
    if any(probability is None for probability in told):
        return ScoredVideo(video, label, frame_scores, video_scores, fps=first.fps)
    return ScoredVideo(
        video,
        label,
        frame_scores,
        video_scores,
        fps=first.fps,
        class_probability=np.stack([video_class_probability(probability) for probability in told]),
        class_events=tuple(class_events(on_frames(probability.T)[1]) for probability in told),
    )


def _check_pixels(
    scorers: Sequence[Scorer],
    stores: Sequence[FeatureStore],
    videos: Sequence[Video],
    *,
    absent: set[str],
    truth: PixelTruth,
) -> None:
    """Before any video is scored."""
    check_maps(scorers[0])
    if absent:
        raise StoreError(
            f"{counted(absent, 'video')} missing ({listed(sorted(absent))}): masks and boxes judge maps of every "
            "test video; extract them, or evaluate without --masks and --boxes"
        )
    truth.check(videos, {video.video_id: stores[0].header(video.video_id).num_frames for video in videos})


def _pixels(
    scorers: Sequence[Scorer], parts: Sequence[VideoFeatures], video: Video, truth: PixelTruth
) -> tuple[VideoPixels, ...]:
    (clips,) = parts
    known = truth.of_video(video, num_frames=clips.num_frames, size=(clips.width, clips.height))
    try:
        found = [unusual(scorer, clips) for scorer in scorers]
    except NothingToCompare:  # its frames count all the same
        found = [nothing_unusual(clips.arrays["rgb"].shape[2:4])] * len(scorers)
    return tuple(VideoPixels.of(each.highest, each.shown(clips.num_frames), known) for each in found)


def _pixel_details(truth: PixelTruth | None) -> dict:
    return (
        {}
        if truth is None
        else {"pixel_truth": {key: value and str(value) for key, value in vars(truth).items()}}
    )


def _event_classes(checkpoints: Sequence[Checkpoint], scored: Sequence[ScoredVideo]) -> tuple[str, ...]:
    """Names of the classes that the head tells; empty where it tells none."""
    told = any(video.class_probability is not None for video in scored)
    return checkpoints[0].bag_spec.event_classes if told else ()


def _same_stores(checkpoints: Sequence[Checkpoint], stores: Sequence[FeatureStore]) -> list[FeatureStore]:
    """The stores in the order of the checkpoints, each of which must have been trained on the same specs."""
    orders = [checkpoint.match_stores(list(stores)) for checkpoint in checkpoints]
    if any(order != orders[0] for order in orders):
        raise ValueError(
            "the seeds of this run were trained on the stores in different orders; they are not one run"
        )
    return orders[0]


def _absent(stores: Sequence[FeatureStore], videos: Sequence[Video], *, missing: str) -> set[str]:
    """Test videos that a store lacks. Raises StoreError, one line a store, unless they are to be scored 0."""
    absent, problems = set(), []
    for store in stores:
        known = set(store.ids())
        lacking = [video.video_id for video in videos if video.video_id not in known]
        absent |= set(lacking)
        if lacking:
            problems.append(
                f"{store.root} lacks {len(lacking)} of {len(videos)} test videos: {listed(lacking)}; extract them, "
                "or score them 0 with --missing zero"
            )
    if problems and (missing == "error" or len(absent) == len(videos)):
        raise StoreError("\n".join(problems))
    return absent


def _within(videos: Sequence[Video], store: FeatureStore, absent: set[str]) -> tuple[list[Video], list[str]]:
    """The videos with their spans cut where they end SLACK frames behind what was decoded, as masks may; and a note.

    Only where the list names no length: another length than it names is another video.
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
    note = f"{counted(cut, 'video')} whose last span ends {SLACK} frame behind the video, cut there: {listed(cut)}"
    return found, [note] if cut else []


def check_frames(stores: Sequence[FeatureStore], videos: Sequence[Video], truth: Truth) -> None:
    """Compare the frames of every stored video with the list, the truth and between stores, before any is
    scored."""
    problems = []
    for video in videos:
        counts = {store.header(video.video_id).num_frames for store in stores}
        if len(counts) > 1:
            problems.append(
                f"{video.video_id}: the stores have {' and '.join(map(str, sorted(counts)))} frames of it"
            )
        elif video.num_frames is not None and counts != {video.num_frames}:
            problems.append(
                f"{video.video_id}: the store has {counts.pop()} frames, the list says {video.num_frames}"
            )
        elif problem := truth.problem(video, counts.pop()):
            problems.append(problem)
    if problems:
        raise StoreError("\n".join(problems))


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
        "stores": [str(store.root) for store in stores],
        "specs": [json.loads(store.spec.to_json()) for store in stores],
        "versions_of_training": first.versions,
        **list_details(videos),
    }
