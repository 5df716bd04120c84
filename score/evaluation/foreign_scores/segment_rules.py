"""Which frames scores without positions cover: --segment-length, and the named rules of --segments."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from data_lists.clip_lengths import CLIP
from score.evaluation.foreign_scores.score_spans import LONGEST_VIDEO, FileScores
from score.scoring.frame_scores import fit_length

EVEN, SULTANI, FLOOR, SECOND = "even", "sultani", "floor", "second"
SEGMENT_RULES = (EVEN, SULTANI, FLOOR, SECOND)


@dataclass(frozen=True)
class Segments:
    """length: frames per score. rule: one of SEGMENT_RULES. Neither: one score per frame."""

    length: int | None = None
    rule: str | None = None

    def __post_init__(self):
        if self.length is not None and self.length < 1:
            raise ValueError(f"segment length is {self.length}, expected at least 1 frame")
        if self.rule not in (None, *SEGMENT_RULES):
            raise ValueError(f"segments is {self.rule!r}, expected one of {', '.join(SEGMENT_RULES)}")
        if self.length is not None and self.rule is not None:
            raise ValueError("--segment-length and --segments exclude each other")

    @property
    def per_frame(self) -> bool:
        return self.length is None and self.rule is None

    def counts(self, num_frames: int, fps: float | None) -> tuple[int, ...]:
        """How many scores a video may have; empty if the rule takes any number."""
        if self.per_frame:
            return (num_frames,)
        if self.length is not None:
            return -(-num_frames // self.length), num_frames // self.length
        if self.rule == SECOND and fps:
            return int(np.ceil(num_frames / fps)), int(num_frames / fps)
        return ()


def segment_edges(rule: str, count: int, *, num_frames: int, fps: float | None) -> np.ndarray:
    """int64 [count, 2]: frames [start, stop) of each score, under one rule.

    even: they divide the video. floor: floor(num_frames / count) frames each, the last one to the end.
    sultani: 32 scores on clips of 16 frames (Sultani et al., CVPR 2018, Evaluate_Anomaly_Detector.m), where
    two can share a clip and the later one counts. second: one for each second. Raises ValueError.
    """
    if rule == SECOND:
        if fps is None:
            raise ValueError("one score per second needs the rate; give it with --fps")
        allowed = Segments(rule=rule).counts(num_frames, fps)
        if count not in allowed:
            raise ValueError(
                f"holds {count} scores, but {num_frames} frames at {fps:g} frames per second need "
                f"{' or '.join(map(str, dict.fromkeys(allowed)))}"
            )
        edges = np.rint(np.arange(count + 1) * fps).astype(np.int64)
        edges[-1] = num_frames
        return np.stack([edges[:-1], edges[1:]], axis=1)
    if count > num_frames:
        raise ValueError(f"holds {count} scores, more than the {num_frames} frames that they should divide")
    if rule == EVEN:
        edges = np.arange(count + 1) * num_frames // count
        return np.stack([edges[:-1], edges[1:]], axis=1)
    if rule == FLOOR:
        starts = np.arange(count) * (num_frames // count)
        return np.stack([starts, np.r_[starts[1:], num_frames]], axis=1)
    clips = max(num_frames // CLIP, 1)
    edges = np.floor(np.linspace(1, clips, count + 1) + 0.5).astype(np.int64) - 1  # MATLAB rounds halves up
    starts, stops = edges[:-1], np.maximum(edges[1:], edges[:-1] + 1)  # an empty range is one clip
    spans = np.minimum(np.stack([starts, stops], axis=1) * CLIP, num_frames)
    spans[-1, 1] = num_frames  # the last score is repeated to the end
    return spans


def spread_rows(
    scores: np.ndarray, segments: Segments, *, num_frames: int | None, fps: float | None
) -> FileScores:
    """Frame scores of rows in the order of their segments. Raises ValueError if their number does not fit."""
    if segments.per_frame:
        if num_frames is not None and len(scores) != num_frames:
            raise ValueError(
                f"holds {len(scores)} scores, but the video has {num_frames} frames (see --segment-length "
                "and --segments)"
            )
        return FileScores(scores)
    if segments.length is not None:
        return _of_length(scores, segments.length, num_frames)
    if num_frames is None:
        raise ValueError(f"--segments {segments.rule} needs num_frames in the list")
    frames = np.empty(num_frames)
    # One after another: under `sultani` two rows can name the same clip, and MATLAB keeps the later one.
    for score, (start, stop) in zip(
        scores,
        segment_edges(segments.rule or "", len(scores), num_frames=num_frames, fps=fps).tolist(),
        strict=True,
    ):
        frames[start:stop] = score
    return FileScores(frames)


def _of_length(scores: np.ndarray, length: int, num_frames: int | None) -> FileScores:
    if len(scores) * length > LONGEST_VIDEO:
        raise ValueError(f"{len(scores)} segments of {length} frames are longer than any video")
    frames = np.repeat(scores, length)
    if num_frames is None:
        return FileScores(frames)
    padded, full = Segments(length).counts(num_frames, None)
    if len(scores) not in (full, padded):
        expected = f"{padded}" if full == padded else f"{padded}, or {full} without the last part,"
        raise ValueError(
            f"holds {len(scores)} scores, but {num_frames} frames in segments of {length} need {expected}"
        )
    return FileScores(fit_length(frames, num_frames), uncovered=max(0, num_frames - len(frames)))
