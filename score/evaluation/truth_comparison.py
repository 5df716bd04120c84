"""Compares a published array of frame labels with ours: totals, and where they differ, video by video."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from data_lists import CONVENTIONS, ListError, Video, frame_labels, legacy_truth, resolve_lists
from extract.runtime.text import listed
from score.evaluation.frame_truth import NATIVE
from score.evaluation.score_files import ScoreFileError
from score.evaluation.score_formats import read_array

SHOWN = 20  # ranges that are printed; all are counted
ENDS = "._-"  # what may follow the name of a video in a line of a published list


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
    """Compare an .npy of 0 and 1, all videos one after another, with our labels.

    order: of the videos in the array; default: that of the convention, or of the list for native. Raises
    ScoreFileError for another file, ListError if we have no labels of a video.
    """
    theirs = _read(path)
    ours = _labels(videos, convention, order)
    joined = np.concatenate([labels for _, labels in ours])
    totals = (len(joined), int(joined.sum())), (len(theirs), int(theirs.sum()))
    if len(joined) != len(theirs):
        shared = min(len(joined), len(theirs))
        unequal = np.flatnonzero(joined[:shared] != theirs[:shared])
        first = _place(ours, int(unequal[0])) if len(unequal) else None
        return TruthComparison(
            path, convention, *totals, len(ours), first=first, fits=_fitting(len(theirs), but=convention)
        )
    found, begin = [], 0
    for video_id, labels in ours:
        part = theirs[begin : begin + len(labels)]
        found += _ranges(video_id, labels, part)
        begin += len(labels)
    return TruthComparison(path, convention, *totals, len(ours), tuple(found))


def read_order(source: str, videos: Sequence[Video]) -> list[Video]:
    """The videos in the order of a published list, one name per line, or of a list of our own.

    A line is matched by the last part of its path; what a feature file adds (.npy, _i3d, __4) is not part of
    the name, and lines of one video one after another (its crops) count once. Raises ListError.
    """
    path = Path(source)
    if not path.is_file() or path.suffix.lower() == ".tsv":
        return resolve_lists([source])
    by_name = {video.video_id.rsplit("/", 1)[-1]: video for video in videos}
    found, problems = [], []
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
        if not line.strip():
            continue
        name = line.strip().split("\t")[0].replace("\\", "/").rsplit("/", 1)[-1]
        fits = [
            each for each in by_name if name == each or name.startswith(tuple(each + end for end in ENDS))
        ]
        if not fits:
            problems.append(f"{path}:{number}: {name} is not a video of the list")
            continue
        # The longest name that fits: v1 is also the beginning of v1_2.
        video = by_name[max(fits, key=len)]
        if not found or found[-1] != video:
            found.append(video)
    names = [video.video_id for video in found]
    if twice := sorted({name for name in names if names.count(name) > 1}):
        problems.append(f"{path}: named twice: {listed(twice)}")
    if lacking := sorted({video.video_id for video in videos} - set(names)):
        problems.append(f"{path} lacks {len(lacking)} of {len(videos)} videos: {listed(lacking)}")
    if problems:
        raise ListError(problems)
    return found


def _read(path: Path) -> np.ndarray:
    try:
        labels = read_array(path)
        if labels.dtype.kind not in "biuf" or labels.ndim != 1:
            raise ValueError(
                f"holds {labels.dtype} of shape {list(labels.shape)}, expected one row of 0 and 1"
            )
        wrong = np.flatnonzero((labels != 0) & (labels != 1))
        if len(wrong):
            raise ValueError(f"holds {labels[wrong[0]]} at position {wrong[0]}, expected 0 and 1")
    except ValueError as error:
        raise ScoreFileError([f"{path}: {error}"]) from None
    return labels.astype(np.uint8)


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
    return tuple(
        name
        for name in CONVENTIONS
        if name != but and sum(len(labels) for _, labels in legacy_truth(name)) == length
    )
