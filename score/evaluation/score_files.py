"""Scores that another program wrote, as one score per frame: a folder of files, or one file of all videos."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from data_lists.video import Video
from score.evaluation.score_formats import SUFFIXES, ScoreRows, read_array, read_many, read_one, score_rows
from score.scoring.frame_scores import fit_length, spread

LONGEST_VIDEO = 2**31  # frames; a header that claims more is damaged


class ScoreFileError(ValueError):
    """Score files that cannot be used: `problems` holds one line per problem, str() shows them all."""

    def __init__(self, problems: Iterable[str]):
        self.problems = list(problems)
        super().__init__("\n".join(self.problems))


@dataclass(frozen=True)
class FileScores:
    """score: float64 [frames]. uncovered: last frames of no segment, which took the last score."""

    score: np.ndarray
    uncovered: int = 0


@dataclass(frozen=True)
class FoundScores:
    """What one source holds.

    scores: by video id. problems: one line per file or video that is wrong. absent: listed videos without
    scores. unlisted: videos of a file that are not in the list.
    """

    scores: dict[str, FileScores]
    problems: list[str]
    absent: list[str]
    unlisted: list[str]


def read_scores(
    source: Path,
    videos: Sequence[Video],
    *,
    segment_length: int | None = None,
    exact: bool = True,
    length_of: Callable[[Video], int | None] = lambda video: video.num_frames,
    order: Sequence[Video] = (),
) -> FoundScores:
    """Frame scores of the listed videos.

    source: a folder of VIDEO_ID.npy (.csv, .json, .h5), or a file of all videos: .csv, .json or .h5 by video
    id, .npy one video after another in the order of `order` (default: of the list). segment_length: frames
    per score; None for one score per frame. The last segment may be shorter; if the scores leave it out,
    its frames take the last score. exact: the scores must cover num_frames of the list if it has them (a
    legacy convention has its own lengths). length_of: frames of a video in one long .npy.
    """
    if segment_length is not None and segment_length < 1:
        raise ValueError(f"segment length is {segment_length}, expected at least 1 frame")
    try:
        rows, wrong, unlisted = _read(source, videos, segment_length, length_of, order or videos)
    except ValueError as error:
        return FoundScores({}, [f"{source}: {error}"], [], [])
    found, problems, absent = {}, [], []
    for video in videos:
        name = video.video_id
        try:
            if name in wrong:
                raise ValueError(wrong[name])
            if name in rows:
                num_frames = video.num_frames if exact else None
                found[name] = _by_frame(rows[name], num_frames, segment_length, name)
            else:
                absent.append(name)
        except ValueError as error:
            problems.append(f"{_where(source, name)}: {error}")
    return FoundScores(found, problems, absent, unlisted)


def absence(source: Path, video_id: str) -> str:
    """A message that a source has no scores of a video."""
    if source.is_dir():
        return f"{source / video_id}.npy: no such file, nor {', '.join(SUFFIXES[1:])}"
    return f"{source}: no scores of {video_id}"


def _read(
    source: Path,
    videos: Sequence[Video],
    segment_length: int | None,
    length_of: Callable[[Video], int | None],
    order: Sequence[Video],
) -> tuple[dict[str, ScoreRows], dict[str, str], list[str]]:
    """Rows by video id, problems of other videos by video id, and ids that are not listed."""
    if source.is_dir():
        return *_read_folder(source, videos), []
    if not source.exists():
        raise ValueError("no such folder or file of scores")
    if source.suffix.lower() not in SUFFIXES:
        raise ValueError(f"is not a score file; expected {', '.join(SUFFIXES)}, or a folder of them")
    if source.suffix.lower() == ".npy":
        scores = score_rows(read_array(source)).score
        return _cut(scores, order, segment_length, length_of), {}, []
    rows, wrong = read_many(source)
    return rows, wrong, sorted({*rows, *wrong} - {video.video_id for video in videos})


def _read_folder(folder: Path, videos: Sequence[Video]) -> tuple[dict[str, ScoreRows], dict[str, str]]:
    rows, wrong = {}, {}
    for video in videos:
        files = _files(folder, video.video_id)
        try:
            if len(files) > 1:
                raise ValueError(f"and {files[1].name} next to it both hold its scores; keep one")
            if files:
                rows[video.video_id] = read_one(files[0])
        except ValueError as error:
            wrong[video.video_id] = str(error)
    return rows, wrong


def _where(source: Path, video_id: str) -> str:
    if source.is_dir():
        return str(next(iter(_files(source, video_id)), source / f"{video_id}.npy"))
    return f"{source}: {video_id}"


def _files(folder: Path, video_id: str) -> list[Path]:
    """The files of a video; ids come from checked lists and stay below the folder."""
    return [path for suffix in SUFFIXES if (path := folder / f"{video_id}{suffix}").exists()]


def _cut(
    scores: np.ndarray,
    order: Sequence[Video],
    segment_length: int | None,
    length_of: Callable[[Video], int | None],
) -> dict[str, ScoreRows]:
    """One long array -> the scores of each video, by the lengths of the list or the convention."""
    known = {video.video_id: length for video in order if (length := length_of(video)) is not None}
    if unknown := [video.video_id for video in order if video.video_id not in known]:
        raise ValueError(
            f"holds all videos one after another, but the list has no num_frames of {len(unknown)} of them, "
            f"the first is {unknown[0]}"
        )
    step, lengths = segment_length or 1, [known[video.video_id] for video in order]
    # With or without the last, shorter segment of each video.
    padded, full = [-(-length // step) for length in lengths], [length // step for length in lengths]
    counts = next((each for each in (padded, full) if sum(each) == len(scores)), None)
    if counts is None:
        needed = f"{sum(padded)}" if sum(padded) == sum(full) else f"{sum(padded)} or {sum(full)}"
        raise ValueError(
            f"holds {len(scores)} scores, but the {len(order)} videos of the list need {needed} "
            "one after another"
        )
    edges = np.cumsum([0, *counts])
    return {
        video.video_id: ScoreRows(scores[start:stop])
        for video, start, stop in zip(order, edges[:-1], edges[1:], strict=True)
    }


def _by_frame(
    rows: ScoreRows, num_frames: int | None, segment_length: int | None, video_id: str
) -> FileScores:
    scores = rows.score
    if rows.span is not None:
        if segment_length is not None:
            raise ValueError("its rows have their own spans; leave --segment-length out")
        length = int(rows.span.max(initial=0)) if num_frames is None else num_frames
        if not 0 < length < LONGEST_VIDEO:
            raise ValueError(f"its spans reach frame {length}, longer than any video")
        try:
            frames = spread(scores, rows.span, num_frames=length, video_id=video_id)
        except ValueError as error:
            # The caller names the file and the video.
            raise ValueError(str(error).removeprefix(f"{video_id}: ")) from None
        return FileScores(frames.score, frames.uncovered)
    if segment_length is None:
        if num_frames is not None and len(scores) != num_frames:
            raise ValueError(
                f"holds {len(scores)} scores, but the video has {num_frames} frames (see --segment-length)"
            )
        return FileScores(scores)
    if len(scores) * segment_length > LONGEST_VIDEO:
        raise ValueError(f"{len(scores)} segments of {segment_length} frames are longer than any video")
    frames = np.repeat(scores, segment_length)
    if num_frames is None:
        return FileScores(frames)
    full, padded = num_frames // segment_length, -(-num_frames // segment_length)
    if len(scores) not in (full, padded) or not len(scores):
        expected = f"{padded}" if full == padded else f"{padded}, or {full} without the last part,"
        raise ValueError(
            f"holds {len(scores)} scores, but {num_frames} frames in segments of {segment_length} "
            f"need {expected}"
        )
    return FileScores(fit_length(frames, num_frames), uncovered=max(0, num_frames - len(frames)))
