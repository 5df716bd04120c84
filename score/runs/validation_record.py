"""The scores that a finished head gives the videos that validate it, as its checkpoint records them.

With them runs can be averaged without the features of these videos: on a common scale, with weights and
thresholds that no test video chose.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import torch

MOST_SEGMENTS = 4096  # recorded per video; of longer ones the highest score of each of as many time bins


@dataclass(frozen=True)
class ValidationRecord:
    """V videos. video_score: float64 [V]. segment_score: float64 [N] of each video, at most MOST_SEGMENTS.

    Scores are in [0, 1]. Raises ValueError for lengths that disagree and for scores that are not finite.
    """

    video_ids: tuple[str, ...]
    anomalous: np.ndarray
    video_score: np.ndarray
    segment_score: tuple[np.ndarray, ...]

    def __post_init__(self):
        count = len(self.video_ids)
        if not len(self.anomalous) == len(self.video_score) == len(self.segment_score) == count:
            raise ValueError(f"validation_record: {count} videos with other numbers of scores")
        if len(set(self.video_ids)) < count:
            raise ValueError("validation_record names a video twice")
        if not all(rows.ndim == 1 and len(rows) for rows in self.segment_score):
            raise ValueError("validation_record has a video without segments")
        if not all(np.isfinite(rows).all() for rows in (self.video_score, *self.segment_score)):
            raise ValueError("validation_record holds scores that are NaN or infinite")

    def of(self, video_ids: tuple[str, ...]) -> ValidationRecord:
        """The record of these videos, in their order. Raises KeyError for others."""
        place = {name: number for number, name in enumerate(self.video_ids)}
        rows = [place[name] for name in video_ids]
        return ValidationRecord(
            video_ids,
            self.anomalous[rows],
            self.video_score[rows],
            tuple(self.segment_score[row] for row in rows),
        )

    def to_dict(self) -> dict:
        """Plain values and tensors, for a checkpoint."""
        return {
            "video_ids": list(self.video_ids),
            "anomalous": torch.from_numpy(self.anomalous.astype(bool)),
            "video_score": torch.from_numpy(self.video_score.astype(np.float64)),
            "num_segments": torch.tensor([len(rows) for rows in self.segment_score]),
            "segment_score": torch.from_numpy(np.concatenate([np.zeros(0), *self.segment_score])),
        }

    @classmethod
    def from_dict(cls, values: Mapping) -> ValidationRecord:
        """The inverse of to_dict. Raises KeyError, TypeError or ValueError for other values."""
        lengths = _array(values, "num_segments", torch.int64)
        scores = _array(values, "segment_score", torch.float64)
        if len(lengths) and (lengths.min() < 1 or lengths.max() > MOST_SEGMENTS):
            raise ValueError(f"validation_record has a video of {lengths.min()} to {lengths.max()} segments")
        if lengths.sum() != len(scores):
            raise ValueError(f"validation_record has {len(scores)} scores of {lengths.sum()} segments")
        return cls(
            tuple(values["video_ids"]),
            _array(values, "anomalous", torch.bool),
            _array(values, "video_score", torch.float64),
            tuple(np.split(scores, np.cumsum(lengths)[:-1])) if len(lengths) else (),
        )


def shortened(rows: np.ndarray) -> np.ndarray:
    """At most MOST_SEGMENTS values: the highest of each of as many time bins."""
    if len(rows) <= MOST_SEGMENTS:
        return rows
    starts = np.arange(MOST_SEGMENTS) * len(rows) // MOST_SEGMENTS
    return np.maximum.reduceat(rows, starts)


def _array(values: Mapping, name: str, kind: torch.dtype) -> np.ndarray:
    rows = values[name]
    if not isinstance(rows, torch.Tensor) or rows.dtype != kind or rows.ndim != 1:
        raise ValueError(f"validation_record.{name} is no row of {kind}")
    return rows.numpy()
