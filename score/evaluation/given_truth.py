"""The truth of --truth: labels or intervals as people have them, in place of the spans of the test list."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from data_lists import CONVENTIONS, ListError, Video, legacy_truth
from data_lists.truths.annotation import FoundTruth
from data_lists.truths.truth_files import read_truth
from data_lists.truths.truth_videos import KnownVideo, TruthRule, truth_videos
from extract.runtime.text import listed
from extract.store import FeatureStore
from score.evaluation.foreign_scores.video_order import orders_of
from score.evaluation.frame_truth import NATIVE


@dataclass(frozen=True)
class GivenTruth:
    """The test videos with the spans of the truth, in the order of the list.

    labels: video id -> uint8 [length] under a published convention, empty for native. silent: ids of
    anomalous videos without an anomalous frame, which are annotated nevertheless.
    """

    source: str
    videos: tuple[Video, ...]
    labels: dict[str, np.ndarray] = field(default_factory=dict)
    silent: frozenset[str] = frozenset()
    notes: tuple[str, ...] = ()


def read_given_truth(
    path: Path,
    videos: Sequence[Video],
    *,
    convention: str = NATIVE,
    order: Sequence[Video] = (),
    fps: float | None = None,
    stores: Sequence[FeatureStore] = (),
) -> GivenTruth:
    """The truth of a file or folder for the videos of a list.

    order: of the videos in one long array; default: that of the convention, else of the list. fps: for times,
    where neither the truth nor a store has the rate. Raises ForeignFileError and ListError: what cannot be
    read, and what contradicts the list.
    """
    lengths = {} if convention == NATIVE else {name: len(each) for name, each in legacy_truth(convention)}
    by_id = {video.video_id: video for video in videos}
    # A convention rounds lengths, so that events may end after its last frame.
    rule = TruthRule(fps=fps, clip=convention != NATIVE)
    truth = read_truth(path)
    ordered = _ordered(truth, videos, convention, order, lengths)
    found = truth_videos(truth, [_known(each, lengths.get(each.video_id), stores) for each in ordered], rule)
    made = {video.video_id: video for video in found.videos}
    labels = {}
    if convention != NATIVE:
        labels = {name: _labels(made[name].anomaly_spans, lengths[name]) for name in by_id if name in lengths}
    return GivenTruth(
        str(path),
        tuple(
            # Lengths of the convention are not those of the video.
            made[name]
            if convention == NATIVE
            else replace(by_id[name], anomaly_spans=made[name].anomaly_spans)
            for name in by_id
        ),
        labels,
        found.silent,
        (f"truth of {path}, not of the list", *found.notes, *_zero_classes(videos, found.silent)),
    )


def _ordered(
    truth: FoundTruth,
    videos: Sequence[Video],
    convention: str,
    order: Sequence[Video],
    lengths: dict[str, int],
) -> Sequence[Video]:
    """The videos that a truth may be of, one long array in the order in which scores would lie."""
    if truth.long_labels is None and not truth.parts:
        return videos
    orders = orders_of(videos, convention, order)
    if orders.refusal:
        raise ListError([f"{truth.path}: {_fitting(truth)}{orders.refusal}"])
    for each in orders.possible:
        counts = [lengths.get(video.video_id, video.num_frames) for video in each.videos]
        total = None if truth.long_labels is None or None in counts else len(truth.long_labels)
        if total == sum(count or 0 for count in counts):
            return each.videos
    return orders.possible[0].videos


def _fitting(truth: FoundTruth) -> str:
    """A hint at conventions whose arrays are as long; "" if there is none."""
    count = 0 if truth.long_labels is None else len(truth.long_labels)
    fits = [name for name in CONVENTIONS if sum(len(each) for _, each in legacy_truth(name)) == count]
    return f"{count:,} labels is the length of --convention {' or '.join(fits)}; it " if fits else ""


def _zero_classes(videos: Sequence[Video], silent: frozenset[str]) -> list[str]:
    """A note about classes that are anomalous in the list and nowhere in the truth."""
    classes = {video.event_class for video in videos if video.is_anomalous}
    marked = {video.event_class for video in videos if video.is_anomalous and video.video_id not in silent}
    if not (zero := sorted(classes - marked)):
        return []
    return [f"the truth has no anomalous frame of {listed(zero)}: whole classes are zero, so numbers mislead"]


def _known(video: Video, length: int | None, stores: Sequence[FeatureStore]) -> KnownVideo:
    known = KnownVideo.of(video)
    for store in stores:
        if video.video_id in store:
            header = store.header(video.video_id)
            known = replace(known, fps=header.fps or None)
            if known.num_frames is None:
                known = replace(known, num_frames=header.num_frames)
    return known if length is None else replace(known, num_frames=length)


def _labels(spans: Sequence[tuple[int, int]], length: int) -> np.ndarray:
    labels = np.zeros(length, dtype=np.uint8)
    for start, stop in spans:
        labels[start:stop] = 1
    return labels
