"""Compares a published array of frame labels with ours: totals, and where they differ, video by video."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from data_lists import CONVENTIONS, ListError, Video, frame_labels, legacy_truth
from data_lists.name_matching import match_names
from extract.runtime.text import listed
from score.evaluation.foreign_scores.score_content import ScoreFileError, read_content
from score.evaluation.foreign_scores.score_sources import folder_rows
from score.evaluation.frame_truth import NATIVE

SHOWN = 20  # ranges that are printed; all are counted


@dataclass(frozen=True)
class Difference:
    """Frames [start, stop) of a video that the published array labels `theirs` and we the other way."""

    video_id: str
    start: int
    stop: int
    theirs: int


@dataclass(frozen=True)
class TruthComparison:
    """ours, theirs: frames and positives.

    differences: also empty if the lengths differ, so that frames do not correspond; `first` is then the
    first frame that differs, with its video by our lengths.
    """

    path: Path
    convention: str
    ours: tuple[int, int]
    theirs: tuple[int, int]
    videos: int
    differences: tuple[Difference, ...] = ()
    first: tuple[str, int] | None = None
    fits: tuple[str, ...] = ()  # conventions with as many frames as the array
    zero_classes: tuple[str, ...] = ()  # classes that are anomalous here and nowhere in the array

    @property
    def equal(self) -> bool:
        return self.ours == self.theirs and not self.differences

    def lines(self) -> list[str]:
        """The comparison in words, one line per fact."""
        lines = [
            f"{self.path}: {self.theirs[0]:,} frames, {self.theirs[1]:,} anomalous; "
            f"{self.convention}: {self.ours[0]:,} frames, {self.ours[1]:,} anomalous"
        ]
        if self.equal:
            return [*lines, f"equal in every frame of {self.videos} videos"]
        if self.zero_classes:
            lines.append(
                f"the array has no anomalous frame of {', '.join(self.zero_classes)}: whole classes are "
                "zero, as in a public array of UCF-Crime; numbers by it are too high"
            )
        if self.theirs[0] != self.ours[0]:
            return lines + self._other_length()
        frames = sum(each.stop - each.start for each in self.differences)
        names = {each.video_id for each in self.differences}
        lines.append(f"{frames:,} frames differ, in {len(names)} of {self.videos} videos:")
        for each in self.differences[:SHOWN]:
            count = each.stop - each.start
            side = "anomalous in the array only" if each.theirs else "anomalous in ours only"
            where = f"frame {each.start}" if count == 1 else f"frames {each.start}-{each.stop}"
            lines.append(f"  {each.video_id}: {where} ({count:,}) {side}")
        if len(self.differences) > SHOWN:
            lines.append(f"  and {len(self.differences) - SHOWN} more ranges")
        return lines

    def _other_length(self) -> list[str]:
        more = self.theirs[0] - self.ours[0]
        lines = [
            f"the array is {abs(more):,} frames {'longer' if more > 0 else 'shorter'}, so frames do not "
            "correspond"
        ]
        if self.first is not None:
            lines[0] += (
                f"; the first frame that differs is {self.first[1]} of {self.first[0]}, by our lengths"
            )
        if self.fits:
            lines.append(f"the truth of --convention {' or '.join(self.fits)} has its length")
        return lines


def compare_truth(
    path: Path, videos: Sequence[Video], *, convention: str = NATIVE, order: Sequence[Video] = ()
) -> TruthComparison:
    """Compare published labels of 0 and 1 with ours: all videos one after another, or each by its name.

    order: of the videos in the array; default: that of the convention, or of the list for native. Raises
    ScoreFileError for another file, ListError if we have no labels of a video.
    """
    ours = _labels(videos, convention, order)
    theirs = _read(path, ours)
    joined = np.concatenate([labels for _, labels in ours])
    totals = (len(joined), int(joined.sum())), (len(theirs), int(theirs.sum()))
    if len(joined) != len(theirs):
        shared = min(len(joined), len(theirs))
        unequal = np.flatnonzero(joined[:shared] != theirs[:shared])
        first = _place(ours, int(unequal[0])) if len(unequal) else None
        fits = _fitting(len(theirs), but=convention)
        zero: tuple[str, ...] = ()
        for name in fits[:1]:
            like = _labels(videos, name, order)
            zero = (
                _zero_classes(videos, like, theirs)
                if sum(len(each) for _, each in like) == len(theirs)
                else ()
            )
        return TruthComparison(
            path, convention, *totals, len(ours), first=first, fits=fits, zero_classes=zero
        )
    found, begin = [], 0
    for video_id, labels in ours:
        part = theirs[begin : begin + len(labels)]
        found += _ranges(video_id, labels, part)
        begin += len(labels)
    zero = _zero_classes(videos, ours, theirs)
    return TruthComparison(path, convention, *totals, len(ours), tuple(found), zero_classes=zero)


def _read(path: Path, ours: Sequence[tuple[str, np.ndarray]]) -> np.ndarray:
    """uint8 labels of all videos one after another, from one array, a row a video, names, or a folder."""
    try:
        labels = np.concatenate([np.asarray(each) for each in _theirs(path, [name for name, _ in ours])])
        wrong = np.flatnonzero((labels != 0) & (labels != 1))
        if len(wrong):
            raise ValueError(f"holds {labels[wrong[0]]:g} at position {wrong[0]}, expected 0 and 1")
    except ValueError as error:
        raise ScoreFileError([f"{path}: {getattr(error, 'reason', error)}"]) from None
    return labels.astype(np.uint8)


def _theirs(path: Path, ids: Sequence[str]) -> list[np.ndarray]:
    if path.is_dir():
        found = folder_rows(path, [Video(name) for name in ids])
        rows, wrong, absent = found.rows, found.wrong, found.absent
    else:
        content = read_content(path)
        matches = match_names(ids, [*content.named, *content.wrong])
        if not matches.matched and content.whole is not None:
            return [content.whole.score]
        if not matches.matched and content.parts:
            return [part.score for part in content.parts]
        rows = {each: content.named[name] for each, name in matches.matched.items() if name in content.named}
        wrong = {each: content.wrong[name] for each, name in matches.matched.items() if name in content.wrong}
        absent = {each: matches.reason(each) for each in (*matches.ambiguous, *matches.unmatched)}
    for name, reason in (wrong | absent).items():
        raise ValueError(f"{name}: {reason}")
    return [rows[name].score for name in ids]


def _zero_classes(
    videos: Sequence[Video], ours: Sequence[tuple[str, np.ndarray]], theirs: np.ndarray
) -> tuple[str, ...]:
    """Classes with anomalous frames of which the array has none; `theirs` has the length of ours."""
    classes = {video.video_id: video.event_class for video in videos}
    found: dict[str, list[int]] = {}
    begin = 0
    for video_id, labels in ours:
        counts = found.setdefault(classes[video_id], [0, 0])
        counts[0] += int(labels.sum())
        counts[1] += int(theirs[begin : begin + len(labels)].sum())
        begin += len(labels)
    return tuple(name for name, (mine, other) in found.items() if mine and not other)


def _labels(videos: Sequence[Video], convention: str, order: Sequence[Video]) -> list[tuple[str, np.ndarray]]:
    ids = {video.video_id for video in videos}
    if convention != NATIVE:
        ours = [(name, labels) for name, labels in legacy_truth(convention) if name in ids]
        known = dict(ours)
        names = [video.video_id for video in order if video.video_id in known] or list(known)
        return [(name, known[name]) for name in names]
    lacking = [video.video_id for video in videos if video.num_frames is None or not video.has_frame_truth]
    if lacking:
        raise ListError(
            [
                f"no labels to compare with: num_frames or anomaly_spans of {listed(lacking)} are not in "
                "the list"
            ]
        )
    known = {video.video_id: video for video in videos}
    chosen = [known[video.video_id] for video in order if video.video_id in known] or videos
    return [
        (video.video_id, frame_labels(video, video.num_frames))
        for video in chosen
        if video.num_frames is not None
    ]


def _ranges(video_id: str, ours: np.ndarray, theirs: np.ndarray) -> list[Difference]:
    """Runs of frames that differ in the same direction."""
    sides = theirs.astype(np.int8) - ours.astype(np.int8)
    edges = np.flatnonzero(np.diff(np.r_[0, sides, 0]))
    return [
        Difference(video_id, int(start), int(stop), int(sides[start] > 0))
        for start, stop in zip(edges[:-1], edges[1:], strict=True)
        if sides[start]
    ]


def _place(ours: Sequence[tuple[str, np.ndarray]], position: int) -> tuple[str, int]:
    for video_id, labels in ours:
        if position < len(labels):
            return video_id, position
        position -= len(labels)
    raise ValueError("the position is after the last frame")


def _fitting(length: int, *, but: str) -> tuple[str, ...]:
    found: dict[object, str] = {}
    for name, convention in CONVENTIONS.items():
        if name != but and sum(len(labels) for _, labels in legacy_truth(name)) == length:
            found.setdefault(convention.build, name)  # of two names of one truth the first
    return tuple(found.values())
