"""Rules and notes that every evaluation shares, wherever its scores come from."""

from __future__ import annotations

from collections.abc import Collection, Sequence

import numpy as np

from data_lists import ListError, Video, digest
from extract.runtime.text import counted, listed
from extract.runtime.versions import EVALUATION, versions
from score.evaluation.evaluation import ScoredVideo
from score.evaluation.frame_truth import Truth


def check_videos(videos: Sequence[Video]) -> None:
    """Raise ListError for an empty list, and for videos of a published training split."""
    if not videos:
        raise ListError(["the list holds no video to evaluate"])
    if trained := [video.video_id for video in videos if video.split == "train"]:
        raise ListError(
            [f"{len(trained)} videos are training videos ({listed(trained)}); evaluate takes test videos"]
        )


def zero_scores(video: Video, truth: Truth, *, seeds: int) -> ScoredVideo:
    """A missing video, scored as the least anomalous. Raises ListError if its length is unknown."""
    length = truth.length(video)
    if length is None:
        raise ListError(
            [
                f"{video.video_id}: is missing, and scoring it 0 needs num_frames in the list; add it or "
                "extract the video"
            ]
        )
    label, scores = truth.match(video, np.zeros((seeds, length)))
    return ScoredVideo(video, label, scores, np.zeros(seeds), missing=True)


def missing_note(absent: Collection[str]) -> list[str]:
    names = sorted(absent)
    return [f"{counted(names, 'video')} missing and scored 0: {listed(names)}"] if names else []


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
