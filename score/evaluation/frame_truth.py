"""Frame truth: the native labels of a list, or the arrays of a published convention.

Native is the rule: one label per decoded frame. Conventions exist to compare with papers that counted
otherwise.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from data_lists import CONVENTIONS, ListError, Video, frame_labels, legacy_truth
from score.scoring.frame_scores import fit_length

if TYPE_CHECKING:
    from score.evaluation.given_truth import GivenTruth

NATIVE = "native"
CONVENTION_NAMES = (NATIVE, *CONVENTIONS)
# Frames, two clips: conventions differ from the video by no more; more means another video.
LARGEST_STEP = 32


@dataclass
class Truth:
    """Labels of test videos under one convention.

    labels: video id -> uint8 [length] of all videos of a legacy convention, listed or not; empty for native.
    cut, continued: video id -> how many frames were cut off or repeated to match its length. given: the truth
    that stands in place of the list's.
    """

    convention: str
    labels: dict[str, np.ndarray] = field(default_factory=dict)
    cut: dict[str, int] = field(default_factory=dict)
    continued: dict[str, int] = field(default_factory=dict)
    given: GivenTruth | None = None

    @classmethod
    def of(cls, convention: str, videos: Sequence[Video], given: GivenTruth | None = None) -> Truth:
        """Raises ValueError for an unknown convention, ListError for videos that it does not have."""
        if convention == NATIVE:
            return cls(convention, given=given)
        labels = dict(legacy_truth(convention))
        if unknown := [video.video_id for video in videos if video.video_id not in labels]:
            dataset = CONVENTIONS[convention].dataset
            raise ListError(
                f"{name}: not among the test videos of {convention}, which are those of {dataset}/test"
                for name in unknown
            )
        return cls(convention, labels if given is None else given.labels, given=given)

    def length(self, video: Video) -> int | None:
        """Frames of the truth; None if only the decoded video knows.

        Raises ValueError for a video that the convention does not have.
        """
        if self.convention == NATIVE:
            return video.num_frames
        if video.video_id not in self.labels:
            raise ValueError(f"{video.video_id} is not among the test videos of {self.convention}")
        return len(self.labels[video.video_id])

    def problem(self, video: Video, num_frames: int) -> str:
        """Why scores of num_frames frames do not belong to this truth; "" if they do."""
        if self.convention == NATIVE:
            if video.num_frames not in (None, num_frames):
                return (
                    f"{video.video_id}: {num_frames} frame scores, but the video has "
                    f"{video.num_frames} frames"
                )
            last = max((stop for _, stop in video.anomaly_spans), default=0)
            if last > num_frames:
                return f"{video.video_id}: {num_frames} frames, but an anomaly span ends at frame {last}"
            return ""
        length = len(self.labels[video.video_id])
        if abs(num_frames - length) > LARGEST_STEP:
            return (
                f"{video.video_id}: {num_frames} frame scores, but {self.convention} has {length} frames; "
                f"more than {LARGEST_STEP} apart, these are not the same video"
            )
        return ""

    def match(self, video: Video, frame_score: np.ndarray) -> tuple[np.ndarray | None, np.ndarray]:
        """Labels [F] (None for an unannotated video) and scores [S, F], both of the length of the truth.

        Raises ValueError if they do not belong together.
        """
        count = frame_score.shape[1]
        if problem := self.problem(video, count):
            raise ValueError(problem)
        if self.convention == NATIVE:
            return self._native(video, count), frame_score
        labels = self.labels[video.video_id]
        # A convention rounds lengths: cut what is longer, repeat the last score of what is shorter.
        surplus = count - len(labels)
        if surplus:
            (self.cut if surplus > 0 else self.continued)[video.video_id] = abs(surplus)
        return labels, np.stack([fit_length(row, len(labels)) for row in frame_score])

    def knows(self, video: Video) -> bool:
        """Whether every frame of the video has a label."""
        silent = self.given is not None and video.video_id in self.given.silent
        return self.convention != NATIVE or silent or video.has_frame_truth

    def details(self) -> dict:
        """Where a given truth comes from, for the details of an evaluation."""
        return {} if self.given is None else {"truth": self.given.source}

    def _native(self, video: Video, count: int) -> np.ndarray | None:
        if self.given is not None and video.video_id in self.given.silent:
            return np.zeros(count, dtype=np.uint8)
        return frame_labels(video, count) if video.has_frame_truth else None

    def notes(self, videos: Sequence[Video]) -> list[str]:
        """What a reader of the numbers must know about the truth."""
        given = [] if self.given is None else list(self.given.notes)
        if self.convention == NATIVE:
            return given
        notes = given + [
            f"truth of {self.convention}, not of the native frames: compare only with papers that used it"
        ]
        if self.cut:
            notes.append(
                f"scores cut to its lengths: {sum(self.cut.values())} frames of {len(self.cut)} videos"
            )
        if self.continued:
            frames = sum(self.continued.values())
            notes.append(
                f"last score repeated up to its lengths: {frames} frames of {len(self.continued)} videos"
            )
        total = len(legacy_truth(self.convention))
        if len(videos) != total:
            notes.append(
                f"only {len(videos)} of its {total} videos are in the list: not the number of the papers"
            )
        return notes
