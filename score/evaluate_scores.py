"""Judging the scores of another program: files in a folder against a test list. Loads no torch."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

from data_lists import Video
from score.evaluation import Evaluation, ScoredVideo, judge
from score.protocol import check_videos, counted, list_details, missing_note, uncovered_note, zero_scores
from score.score_files import FileScores, ScoreFileError, read_score_files, score_path
from score.truth import NATIVE, Truth


def evaluate_scores(
    folder: Path | str,
    videos: Sequence[Video],
    *,
    segment_length: int | None = None,
    convention: str = NATIVE,
    missing: str = "error",
    resamples: int = 1000,
) -> Evaluation:
    """Judge scores of another program, FOLDER/<video_id>.npy; the video score is the highest frame score.

    segment_length: frames that one score stands for, None for one score a frame. Raises ScoreFileError,
    ListError.
    """
    check_videos(videos, missing)
    folder = Path(folder)
    if not folder.is_dir():
        raise ScoreFileError([f"{folder}: no such folder of scores"])
    truth = Truth.of(convention, videos)
    found, problems = read_score_files(
        folder, videos, segment_length=segment_length, exact=convention == NATIVE
    )
    absent = {video.video_id for video in videos if not score_path(folder, video.video_id).exists()}
    if absent and (missing == "error" or len(absent) == len(videos)):
        problems += _absent_files(folder, videos, absent)
    scored = []
    for video in [
        video
        for video in videos
        if video.video_id in found or (video.video_id in absent and missing == "zero")
    ]:
        try:
            scored.append(
                _from_file(video, truth, found[video.video_id])
                if video.video_id in found
                else zero_scores(video, truth, seeds=1)
            )
        except ValueError as error:
            problems.append(str(error))
    if problems:
        raise ScoreFileError(problems)
    notes = ["the video score is the highest frame score"]
    notes += _unlisted_lengths(videos, segment_length, convention) + missing_note(absent)
    notes += uncovered_note(
        {name: each.uncovered for name, each in found.items() if each.uncovered}
    ) + truth.notes(videos)
    details = {"scores": str(folder), "segment_length": segment_length, **list_details(videos)}
    return judge(
        scored,
        title=f"scores of {folder.name or folder}",
        convention=convention,
        notes=notes,
        details=details,
        resamples=resamples,
    )


def _from_file(video: Video, truth: Truth, found: FileScores) -> ScoredVideo:
    label, scores = truth.match(video, found.score[None])
    return ScoredVideo(video, label, scores, scores.max(axis=1))


def _absent_files(folder: Path, videos: Sequence[Video], absent: Iterable[str]) -> list[str]:
    names = sorted(absent)
    if len(names) == len(videos):
        return [
            f"{folder} holds no scores of any of the {len(videos)} test videos; expected files like {names[0]}.npy in it"
        ]
    return [
        f"{score_path(folder, name)}: no such file; score the video, or take --missing zero" for name in names
    ]


def _unlisted_lengths(videos: Sequence[Video], segment_length: int | None, convention: str) -> list[str]:
    unknown = [video.video_id for video in videos if video.num_frames is None]
    if convention != NATIVE or not unknown:
        return []
    source = "the number of scores" if segment_length is None else f"segments x {segment_length}"
    return [f"the list has no num_frames for {counted(unknown, 'video')}: {source} stands for it, unchecked"]
