"""One seed of every run of an ensemble, on the features of a video, with the interface of a Scorer."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import torch

from extract.store import FeatureStore, StoreError, VideoFeatures
from score.heads.base import Head
from score.pooling.segment_join import read_joined
from score.scoring.ensemble import Ensemble
from score.scoring.frame_scores import spread
from score.scoring.score_scale import blend, only_one
from score.scoring.scorer import Scorer, VideoScores

OneRun = Callable[[Scorer, Sequence[VideoFeatures]], VideoScores]


class EnsembleScorer:
    """Averages the scores of runs on the segments of the run that has most of them.

    `parts` of its methods are what `read` gives: the video whose segments the scores belong to, then its
    parts for the first run, for the second, and so on.
    """

    def __init__(self, ensemble: Ensemble, seed: int, *, device: torch.device | str = "cpu"):
        self.ensemble, self.scales = ensemble, ensemble.scales[seed]
        self.scorers = tuple(Scorer(run[seed], device=device) for run in ensemble.runs)
        self.checkpoint = ensemble.stand_in(seed)

    @property
    def head(self) -> Head:
        """That of the first run."""
        return self.scorers[0].head

    def read(self, stores: Sequence[FeatureStore], video_id: str) -> list[VideoFeatures]:
        """The parts of one video. stores: as from Ensemble.match_stores. Raises StoreError."""
        parts = [
            read_joined(each, video_id, scorer.segments)
            for scorer, each in zip(self.scorers, self.ensemble.of_runs(stores), strict=True)
        ]
        return self.with_grid([part for each in parts for part in each])

    def with_grid(self, parts: Sequence[VideoFeatures]) -> list[VideoFeatures]:
        """The parts of all runs, after the video whose segments the scores will belong to."""
        firsts = [each[0] for each in self.ensemble.of_runs(parts)]
        lengths = {part.num_frames for part in firsts}
        if len(lengths) > 1:
            raise StoreError(
                f"{firsts[0].video_id}: the stores have {' and '.join(map(str, sorted(lengths)))} "
                "frames of it; runs are averaged frame by frame, so extract both from the same file at the "
                "same frame rate"
            )
        alone = only_one(self.ensemble.weights)
        grid = max(firsts, key=lambda part: part.num_segments) if alone is None else firsts[alone]
        return [grid, *parts]

    def groups(self, _stores: Sequence[FeatureStore], video_ids: Sequence[str]) -> list[list[str]]:
        """One by one: runs have segments of different lengths."""
        return [[video_id] for video_id in video_ids]

    def score(self, *parts: VideoFeatures) -> VideoScores:
        """The scores of one video."""
        return self.combined(parts, lambda scorer, own: scorer.score(*own))

    def score_together(self, videos: Sequence[Sequence[VideoFeatures]]) -> list[VideoScores]:
        """The scores of several videos."""
        return [self.score(*parts) for parts in videos]

    def combined(self, parts: Sequence[VideoFeatures], score: OneRun) -> VideoScores:
        """The mean of the scores that `score` gives each run."""
        grid, weights = parts[0], self.ensemble.weights
        own = list(self.ensemble.of_runs(parts[1:]))
        if (alone := only_one(weights)) is not None:
            return score(self.scorers[alone], own[alone])
        results = [score(scorer, each) for scorer, each in zip(self.scorers, own, strict=True)]
        firsts = [each[0] for each in own]
        rows = [
            on_grid(result.segment_score, first, grid) for result, first in zip(results, firsts, strict=True)
        ]
        video = blend([np.array([each.video_score]) for each in results], self.scales.video, weights)
        return VideoScores(
            blend(rows, self.scales.segment, weights).astype(np.float32),
            float(video[0]),
            self._attention(results, firsts, grid),
            self._classes(results, firsts, grid),
        )

    def _attention(self, results, firsts, grid: VideoFeatures) -> np.ndarray | None:
        """Shares along the grid, of the runs that have attention; None if none has."""
        total = np.zeros(grid.num_segments)
        for result, first, weight in zip(results, firsts, self.ensemble.weights, strict=True):
            if result.attention is not None:
                density = on_grid(result.attention / np.diff(first.frame_span, axis=1)[:, 0], first, grid)
                total += weight * density * np.diff(grid.frame_span, axis=1)[:, 0]
        return total / total.sum() if total.sum() > 0 else None

    def _classes(self, results, firsts, grid: VideoFeatures) -> np.ndarray | None:
        """Class probabilities [N, K], of the runs that predict classes; None if none does."""
        parts = [
            (
                weight,
                np.stack([on_grid(column, first, grid) for column in result.class_probability.T], axis=1),
            )
            for result, first, weight in zip(results, firsts, self.ensemble.weights, strict=True)
            if result.class_probability is not None and weight
        ]
        if not parts:
            return None
        total = sum(weight for weight, _ in parts)
        return np.sum([weight / total * rows for weight, rows in parts], axis=0).astype(np.float32)


def on_grid(values: np.ndarray, part: VideoFeatures, grid: VideoFeatures) -> np.ndarray:
    """Values of the segments of a part [N] -> of those of the grid [M]: means over the frames of each."""
    if np.array_equal(part.frame_span, grid.frame_span):
        return values
    frames = spread(values, part.frame_span, num_frames=part.num_frames, video_id=part.video_id).score
    sums = np.r_[0.0, np.cumsum(frames)]
    start, stop = np.asarray(grid.frame_span).T
    # A difference of sums may leave the range of the values by rounding.
    return ((sums[stop] - sums[start]) / (stop - start)).clip(values.min(), values.max())
