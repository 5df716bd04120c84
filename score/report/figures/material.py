"""The data of figures: an evaluation, the epochs of its training, and curves that several figures share."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np

from score.evaluation.evaluation import Evaluation, ScoredVideo, labels_of
from score.evaluation.published_results import Published, published_for
from score.metrics import Curve
from score.runs.training_log import SeedLog


@dataclass
class Material:
    """training: a log per seed; none for scores of files. Curves are per seed, computed on first use."""

    evaluation: Evaluation
    training: Sequence[SeedLog] = field(default=())

    @cached_property
    def frame_curves(self) -> list[Curve]:
        """Over the frames of all videos; none where frame measures are not defined."""
        return self._over_frames(self.evaluation.videos) if self._defined("frame_auc") else []

    @cached_property
    def abnormal_curves(self) -> list[Curve]:
        """Over the frames of anomalous videos only."""
        videos = [video for video in self.evaluation.videos if video.video.is_anomalous]
        return self._over_frames(videos) if self._defined("frame_auc_abnormal") else []

    @cached_property
    def video_curves(self) -> list[Curve]:
        """Over the videos and their video scores."""
        if not self._defined("video_auc"):
            return []
        labels = np.array([video.video.is_anomalous for video in self.evaluation.videos], dtype=np.uint8)
        rows = np.stack([video.video_score for video in self.evaluation.videos], axis=1)  # [S, V]
        return [Curve.of(labels, row) for row in rows]

    @cached_property
    def published(self) -> list[Published]:
        """Results on exactly these test videos."""
        return published_for([video.video for video in self.evaluation.videos])[1]

    def _defined(self, name: str) -> bool:
        return self.evaluation.summaries[name].mean is not None

    @staticmethod
    def _over_frames(videos: Sequence[ScoredVideo]) -> list[Curve]:
        labels = np.concatenate(labels_of(videos) or [])
        seeds = range(len(videos[0].video_score))
        return [
            Curve.of(labels, np.concatenate([video.frame_score[seed] for video in videos])) for seed in seeds
        ]
