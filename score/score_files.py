"""Scores that another program wrote: DIR/<video_id>.npy, one number a frame or one a segment."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from data_lists.video import Video
from score.spread import fit_length

LONGEST_VIDEO = 2**31  # frames; a header that claims more is damaged


class ScoreFileError(ValueError):
    """Score files that cannot be used: `problems` holds a line for each, str() shows them all."""

    def __init__(self, problems: Iterable[str]):
        self.problems = list(problems)
        super().__init__("\n".join(self.problems))


@dataclass(frozen=True)
class FileScores:
    """score: float64 [frames]. uncovered: last frames that no segment covers and that took the last score."""

    score: np.ndarray
    uncovered: int = 0


def read_score_files(
    folder: Path, videos: Sequence[Video], *, segment_length: int | None = None, exact: bool = True
) -> tuple[dict[str, FileScores], list[str]]:
    """Frame scores by video id, and a line for every file that is not what it should be; no file, no entry in
    either.

    segment_length: frames a score stands for; None for one score a frame. exact: the scores must cover
    num_frames of the list, as far as it tells them (a legacy convention has its own lengths).
    """
    if segment_length is not None and segment_length < 1:
        raise ValueError(f"segment length is {segment_length}, expected at least 1 frame")
    found, problems = {}, []
    for video in videos:
        path = score_path(folder, video.video_id)
        if not path.exists():
            continue
        try:
            scores = _read(path)
            found[video.video_id] = _by_frame(scores, video.num_frames if exact else None, segment_length)
        except ValueError as error:
            problems.append(f"{path}: {error}")
    return found, problems


def score_path(folder: Path, video_id: str) -> Path:
    """Where the scores of a video are; ids come from checked lists and stay below the folder."""
    return folder / f"{video_id}.npy"


def _read(path: Path) -> np.ndarray:
    try:
        scores = np.load(path, allow_pickle=False)
    except (OSError, EOFError, MemoryError, SyntaxError) as error:
        raise ValueError(f"cannot be read as .npy ({error or type(error).__name__})") from None
    except ValueError as error:
        reason = (
            "it holds Python objects"
            if "pickle" in str(error).lower() or "object" in str(error).lower()
            else str(error)
        )
        raise ValueError(f"cannot be read as .npy ({reason}); save plain numbers with numpy.save") from None
    if not isinstance(scores, np.ndarray):
        scores.close()
        raise ValueError(
            "is an archive of arrays; expected one array of plain numbers, saved with numpy.save"
        )
    if scores.dtype.kind not in "biuf":
        raise ValueError(f"holds {scores.dtype}, expected real numbers")
    if scores.ndim != 1:
        raise ValueError(f"has shape {list(scores.shape)}, expected one row of scores [N]")
    if not len(scores):
        raise ValueError("holds no score")
    scores = scores.astype(np.float64)
    if not np.isfinite(scores).all():
        wrong = np.flatnonzero(~np.isfinite(scores))
        raise ValueError(
            f"{len(wrong)} of {len(scores)} scores are NaN or infinite, the first at position {wrong[0]}"
        )
    return scores


def _by_frame(scores: np.ndarray, num_frames: int | None, segment_length: int | None) -> FileScores:
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
    whole, padded = num_frames // segment_length, -(-num_frames // segment_length)
    if len(scores) not in (whole, padded):
        expected = f"{padded}" if whole == padded else f"{padded}, or {whole} without the last part,"
        raise ValueError(
            f"holds {len(scores)} scores, but {num_frames} frames in segments of {segment_length} need {expected}"
        )
    return FileScores(fit_length(frames, num_frames), uncovered=max(0, num_frames - len(frames)))
