"""Rules and notes that evaluations share, and how many frames a stored video must have."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from data_lists import ListError, Video, digest
from extract.runtime.text import counted, listed
from extract.runtime.versions import EVALUATION, versions
from extract.store import FeatureStore, StoreError
from score.evaluation.evaluation import ScoredVideo
from score.evaluation.frame_truth import Truth
from score.evaluation.pixel_truth import SLACK
from score.pooling.rules import SegmentsConfig
from score.pooling.segment_join import joined

if TYPE_CHECKING:  # slow to import: torch, which files with scores do without
    from score.runs.checkpoint import Checkpoint


def check_videos(videos: Sequence[Video]) -> None:
    """Raise ListError for an empty list, and for videos of a published training split."""
    if not videos:
        raise ListError(["the list holds no video to evaluate"])
    if trained := [video.video_id for video in videos if video.split == "train"]:
        raise ListError(
            [f"{len(trained)} videos are training videos ({listed(trained)}); evaluate takes test videos"]
        )


def zero_scores(
    video: Video, truth: Truth, *, seeds: int, values: Sequence[float] | None = None
) -> ScoredVideo:
    """A missing video, scored as the least anomalous. Raises ListError if its length is unknown.

    values: the lowest score of each seed, where scores go below 0.
    """
    length = truth.length(video)
    if length is None:
        raise ListError(
            [
                f"{video.video_id}: is missing, and scoring it 0 needs num_frames in the list; add it or "
                "extract the video"
            ]
        )
    lowest = np.zeros(seeds) if values is None else np.asarray(values, dtype=np.float64)
    label, scores = truth.match(video, np.repeat(lowest[:, None], length, axis=1))
    return ScoredVideo(video, label, scores, lowest, missing=True)


def missing_note(absent: Collection[str], *, value: float = 0.0) -> list[str]:
    """value: what they were scored; below 0 the lowest score of the others."""
    names = sorted(absent)
    scored = "0" if value == 0 else f"{value:g}, the lowest score of the others"
    return [f"{counted(names, 'video')} missing and scored {scored}: {listed(names)}"] if names else []


def uncovered_note(uncovered: dict[str, int]) -> list[str]:
    """uncovered: video id -> frames that no segment covers."""
    if not uncovered:
        return []
    return [
        f"{sum(uncovered.values())} frames of {counted(uncovered, 'video')} belong to no segment "
        "and took the last score before them"
    ]


def list_details(videos: Sequence[Video]) -> dict:
    """The test list and the versions, for the details of an evaluation."""
    return {"test_list": {"digest": digest(videos), "videos": len(videos)}, "versions": versions(EVALUATION)}


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


def check_frames_of_runs(
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


def within_videos(
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
