"""Test videos scored with every seed of a run: frame scores, classes and anomaly maps."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from data_lists import Video
from extract.store import FeatureStore, VideoFeatures
from score.evaluation.checks import zero_scores
from score.evaluation.class_detection import class_events
from score.evaluation.evaluation import ScoredVideo
from score.evaluation.frame_truth import Truth
from score.evaluation.pixel_scores import VideoPixels
from score.evaluation.pixel_truth import PixelTruth
from score.evaluation.scorers import Leaks, Scorers
from score.metrics.classes import video_class_probability
from score.scoring.anomaly_maps import NothingToCompare, anomaly_maps, empty_maps
from score.scoring.frame_scores import spread
from score.scoring.scorer import Scorer, VideoScores
from score.scoring.smoothing import Smoothing


@dataclass
class RunScoring:
    """Scores test videos with every seed. uncovered: video id -> frames that belong to no segment."""

    scorers: Scorers
    truth: Truth
    smoothing: Smoothing
    pixel_truth: PixelTruth | None
    uncovered: dict[str, int] = field(default_factory=dict)

    def score(
        self,
        stores: Sequence[FeatureStore],
        videos: Sequence[Video],
        *,
        absent: Collection[str],
        leaks: Leaks,
    ) -> list[ScoredVideo]:
        """In the order of the videos; absent videos score 0."""
        by_id = {video.video_id: video for video in videos}
        done = {name: zero_scores(by_id[name], self.truth, seeds=len(self.scorers)) for name in absent}
        present = [video.video_id for video in videos if video.video_id not in absent]
        for group in self.scorers[0].groups(stores, present):
            stored = [self.scorers[0].read(stores, video_id) for video_id in group]
            results = zip(*(scorer.score_together(stored) for scorer in self.scorers), strict=True)
            for parts, seeds in zip(stored, results, strict=True):
                video = by_id[parts[0].video_id]
                leaks.compare(parts)
                done[video.video_id] = self._scored_video(video, parts, seeds)
        return [done[video.video_id] for video in videos]

    def _scored_video(
        self, video: Video, parts: Sequence[VideoFeatures], results: Sequence[VideoScores]
    ) -> ScoredVideo:
        first = parts[0]
        label, frame_scores = self._on_frames(video, first, [result.segment_score for result in results])
        video_scores = np.array([result.video_score for result in results])
        scored = ScoredVideo(video, label, frame_scores, video_scores, fps=first.fps)
        probabilities = [result.class_probability for result in results]
        classes = [probability for probability in probabilities if probability is not None]
        if len(classes) == len(results):
            scored = replace(
                scored,
                class_probability=np.stack([video_class_probability(each) for each in classes]),
                class_events=tuple(
                    class_events(self._on_frames(video, first, list(each.T))[1]) for each in classes
                ),
            )
        if self.pixel_truth is not None:
            scored = replace(scored, pixels=_pixels(self.scorers, parts, video, self.pixel_truth))
        return scored

    def _on_frames(
        self, video: Video, features: VideoFeatures, rows: Sequence[np.ndarray]
    ) -> tuple[np.ndarray | None, np.ndarray]:
        """Labels [F], and rows of segment scores smoothed and spread over the frames, [rows, F]."""
        spreads = [
            spread(
                self.smoothing(row),
                features.frame_span,
                num_frames=features.num_frames,
                video_id=features.video_id,
            )
            for row in rows
        ]
        if spreads[0].uncovered:
            self.uncovered[features.video_id] = spreads[0].uncovered
        return self.truth.match(video, np.stack([each.score for each in spreads]))


def _pixels(
    scorers: Scorers, parts: Sequence[VideoFeatures], video: Video, truth: PixelTruth
) -> tuple[VideoPixels, ...]:
    (clips,) = parts
    known = truth.of_video(video, num_frames=clips.num_frames, size=(clips.width, clips.height))
    try:
        # load_runs refuses maps of several runs.
        found = [anomaly_maps(scorer, clips) for scorer in scorers if isinstance(scorer, Scorer)]
    except NothingToCompare:
        # Its frames still count.
        found = [empty_maps(clips.arrays["rgb"].shape[2:4])] * len(scorers)
    return tuple(VideoPixels.of(each.highest, each.map_of_frame(clips.num_frames), known) for each in found)
