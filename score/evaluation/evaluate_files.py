"""The scores of another program, read from files, evaluated on a test list. Loads no torch."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np

from data_lists import Video
from extract.runtime.text import counted, listed
from score.evaluation.checks import check_videos, list_details, missing_note, uncovered_note, zero_scores
from score.evaluation.evaluate_videos import evaluate_videos
from score.evaluation.evaluation import Evaluation, OperatingPoint, Provenance, ScoredVideo
from score.evaluation.evaluation_settings import EvaluationSettings
from score.evaluation.frame_truth import NATIVE, Truth
from score.evaluation.score_files import FileScores, FoundScores, ScoreFileError, absence, read_scores

DEFAULTS = EvaluationSettings()


def evaluate_scores(
    sources: Path | str | Sequence[Path | str],
    videos: Sequence[Video],
    settings: EvaluationSettings = DEFAULTS,
    *,
    segment_length: int | None = None,
    order: Sequence[Video] = (),
) -> Evaluation:
    """Evaluate the scores of another program; the video score is the highest frame score.

    sources: a folder or a file as score.evaluation.score_files reads it; several are seeds of one method.
    segment_length: frames per score; None for one score per frame. order: of the videos in one long .npy,
    where it is not the order of the list. Raises ScoreFileError, ListError, and ValueError for a threshold
    that needs validation videos.
    """
    check_videos(videos)
    thresholds, convention = settings.fixed_thresholds(), settings.convention
    paths = [Path(each) for each in ([sources] if isinstance(sources, (str, Path)) else sources)]
    truth = Truth.of(convention, videos, settings.given)
    seeds = [
        read_scores(
            path,
            videos,
            segment_length=segment_length,
            exact=convention == NATIVE,
            length_of=truth.length,
            order=order,
        )
        for path in paths
    ]
    problems = [problem for seed in seeds for problem in seed.problems]
    for path, seed in zip(paths, seeds, strict=True):
        if seed.absent and (settings.missing == "error" or len(seed.absent) == len(videos)):
            problems += _absent(path, videos, seed.absent)
    # A problem of one video must not hide those of the others.
    readable = not problems or any(seed.scores for seed in seeds)
    scored = _scored(videos, truth, seeds, problems) if readable else []
    if problems:
        raise ScoreFileError(problems)
    provenance = _provenance(paths, seeds, videos, truth, segment_length=segment_length)
    return evaluate_videos(
        scored, provenance, operating_point=OperatingPoint(thresholds), resamples=settings.resamples
    )


def _provenance(
    paths: Sequence[Path],
    seeds: Sequence[FoundScores],
    videos: Sequence[Video],
    truth: Truth,
    *,
    segment_length: int | None,
) -> Provenance:
    absent = sorted({name for seed in seeds for name in seed.absent})
    uncovered = {
        name: each.uncovered for seed in seeds for name, each in seed.scores.items() if each.uncovered
    }
    return Provenance(
        title=f"scores of {', '.join(path.stem or str(path) for path in paths)}",
        convention=truth.convention,
        notes=(
            "the video score is the highest frame score",
            *_unlisted_lengths(videos, segment_length, truth.convention),
            *_not_listed(paths, seeds),
            *missing_note(absent),
            *uncovered_note(uncovered),
            *truth.notes(videos),
        ),
        details={
            "scores": [str(path) for path in paths],
            "segment_length": segment_length,
            **truth.details(),
            **list_details(videos),
        },
    )


def _scored(
    videos: Sequence[Video], truth: Truth, seeds: Sequence[FoundScores], problems: list[str]
) -> list[ScoredVideo]:
    """The videos with their scores of all seeds; appends to `problems` what does not fit."""
    scored = []
    for video in videos:
        found = [seed.scores.get(video.video_id) for seed in seeds]
        if any(video.video_id not in seed.scores and video.video_id not in seed.absent for seed in seeds):
            continue  # already one of the problems
        try:
            present = [each for each in found if each is not None]
            scored.append(
                _joined(video, truth, found) if present else zero_scores(video, truth, seeds=len(seeds))
            )
        except ValueError as error:
            problems.append(str(error))
    return scored


def _joined(video: Video, truth: Truth, found: Sequence[FileScores | None]) -> ScoredVideo:
    lengths = sorted({len(each.score) for each in found if each is not None})
    if len(lengths) > 1:
        raise ValueError(
            f"{video.video_id}: the files hold scores of {' and '.join(map(str, lengths))} frames"
        )
    rows = [np.zeros(lengths[0]) if each is None else each.score for each in found]
    label, scores = truth.match(video, np.stack(rows))
    return ScoredVideo(video, label, scores, scores.max(axis=1), missing=None in found)


def _absent(source: Path, videos: Sequence[Video], absent: Iterable[str]) -> list[str]:
    names = sorted(absent)
    if len(names) == len(videos):
        what = f"files like {names[0]}.npy in it" if source.is_dir() else f"rows of video_id {names[0]}"
        return [f"{source} holds no scores of any of the {len(videos)} test videos; expected {what}"]
    return [f"{absence(source, name)}; score the video, or use --missing zero" for name in names]


def _not_listed(paths: Sequence[Path], seeds: Sequence[FoundScores]) -> list[str]:
    return [
        f"{path} also holds scores of {counted(seed.unlisted, 'video')} not in the list: "
        f"{listed(seed.unlisted)}"
        for path, seed in zip(paths, seeds, strict=True)
        if seed.unlisted
    ]


def _unlisted_lengths(videos: Sequence[Video], segment_length: int | None, convention: str) -> list[str]:
    unknown = [video.video_id for video in videos if video.num_frames is None]
    if convention != NATIVE or not unknown:
        return []
    source = "the number of scores" if segment_length is None else f"segments x {segment_length}"
    return [f"the list has no num_frames for {counted(unknown, 'video')}: {source} stands for it, unchecked"]
