"""The test scores of one cell of a benchmark, and the file that keeps them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from data_lists import Video
from extract.runtime.atomic import writing
from extract.runtime.foreign.arrays import read_npz
from extract.runtime.foreign.foreign_error import ForeignFileError
from extract.store import FeatureStore, VideoFeatures
from score.runs.checkpoint import Checkpoint
from score.scoring.frame_scores import spread
from score.scoring.scorer import Scorer, VideoScores

SCORES = "scores.npz"
# Array -> its shape, V videos and N segments of all of them, and numpy's kinds of its type.
FORMS = {
    "video_score": (("V",), "f"),
    "segment_score": (("N",), "f"),
    "frame_span": (("N", 2), "iu"),
    "num_segments": (("V",), "iu"),
    "num_frames": (("V",), "iu"),
    "fps": (("V",), "fiu"),
}


@dataclass(frozen=True)
class CellScores:
    """Scores of V test videos: video_score float64 [V]; of each, segment_score [N], frame_span [N, 2]."""

    video_ids: tuple[str, ...]
    video_score: np.ndarray
    segment_score: tuple[np.ndarray, ...]
    frame_span: tuple[np.ndarray, ...]
    num_frames: np.ndarray
    fps: np.ndarray

    def frame_scores(self) -> list[np.ndarray]:
        """The frame scores of every video, float64 [F]."""
        return [
            spread(score, span, num_frames=int(frames), video_id=video_id).score
            for video_id, score, span, frames in zip(
                self.video_ids, self.segment_score, self.frame_span, self.num_frames, strict=True
            )
        ]


def score_videos(
    checkpoint: Checkpoint,
    stores: Sequence[FeatureStore],
    test: Sequence[Video],
    *,
    device: torch.device | str,
) -> CellScores:
    """The scores of all test videos, in the order of `test`."""
    scorer = Scorer(checkpoint, device=device)
    ids = [video.video_id for video in test]
    return collect(scorer.score_store(stores, ids), ids)


def collect(pairs: Iterable[tuple[VideoFeatures, VideoScores]], order: Sequence[str]) -> CellScores:
    """Scores of videos in the given order, from pairs of stored features and scores in any order."""
    place = {video_id: number for number, video_id in enumerate(order)}
    rows = [
        (part.video_id, scores.video_score, scores.segment_score, part.frame_span, part.num_frames, part.fps)
        for part, scores in pairs
    ]
    rows.sort(key=lambda row: place[row[0]])
    ids, video, segments, spans, frames, fps = zip(*rows, strict=True)
    return CellScores(
        ids, np.array(video, dtype=np.float64), segments, spans, np.array(frames), np.array(fps)
    )


def read_scores(folder: Path) -> CellScores:
    """The scores of a finished cell. Raises ForeignFileError for a file of another form."""
    path = folder / SCORES
    numbers = {name: read_npz(path, name) for name in FORMS}
    video_ids = read_npz(path, "video_ids", kinds="U")
    counts, videos = numbers["num_segments"], len(video_ids)
    rows = int(counts.sum()) if counts.ndim == 1 and (counts >= 0).all() else -1
    for name, (shape, kinds) in FORMS.items():
        expected = tuple({"V": videos, "N": rows}.get(str(side), side) for side in shape)
        found = numbers[name]
        if found.shape != expected or found.dtype.kind not in kinds or not np.isfinite(found).all():
            raise ForeignFileError(
                path, f"{name} is {found.dtype} {list(found.shape)}, expected numbers {list(expected)}"
            )
    ends = np.cumsum(counts)[:-1]
    return CellScores(
        tuple(map(str, video_ids)),
        numbers["video_score"],
        tuple(np.split(numbers["segment_score"], ends)),
        tuple(np.split(numbers["frame_span"], ends)),
        numbers["num_frames"],
        numbers["fps"],
    )


def write_scores(folder: Path, scores: CellScores) -> None:
    """Write the scores of a cell, which read_scores reads."""
    with writing(folder / SCORES) as partial, open(partial, "wb") as file:
        np.savez(
            file,
            video_ids=np.array(scores.video_ids),
            video_score=scores.video_score,
            segment_score=np.concatenate(scores.segment_score),
            frame_span=np.concatenate(scores.frame_span),
            num_segments=np.array([len(rows) for rows in scores.segment_score]),
            num_frames=scores.num_frames,
            fps=scores.fps,
        )
