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
