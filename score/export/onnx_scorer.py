"""Scores stored features with an exported model, through onnxruntime."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from data_lists import Video, frame_labels
from extract.store import FeatureStore, VideoFeatures
from score.export.onnx_export import make_session
from score.export.onnx_graph import OUTPUTS
from score.metrics import frame_measures, video_measures
from score.pooling.rules import spread as spread_instances
from score.pooling.segment_join import read_joined
from score.runs.checkpoint import Checkpoint
from score.scoring.frame_scores import spread
from score.scoring.scorer import VideoScores, instances_of

MEASURES = ("frame_auc", "video_auc")


class OnnxScorer:
    """Scores every crop of a video and averages, as the model's metadata require."""

    def __init__(self, checkpoint: Checkpoint, model: bytes):
        self.checkpoint, self.session = checkpoint, make_session(model)

    def score(self, *parts: VideoFeatures) -> VideoScores:
        """The scores of one video. parts: its features in each store, in the order of training."""
        instances = instances_of(self.checkpoint, parts)
        given = {name: rows.movedim(1, 0).contiguous().numpy() for name, rows in instances.items()}
        given["mask"] = np.ones(next(iter(given.values())).shape[:2], dtype=bool)  # [C, T]
        outputs = self.session.run(list(OUTPUTS), given)
        segment_score, video_score = np.asarray(outputs[0]), np.asarray(outputs[1])  # [C, T], [C]
        instance = segment_score.mean(axis=0, dtype=np.float64)
        segments = self.checkpoint.config.data.scoring_segments
        segment = spread_instances(instance, parts[0].num_segments, segments)
        return VideoScores(segment, float(video_score.mean(dtype=np.float64)))


def measure_models(
    models: dict[str, bytes], checkpoint: Checkpoint, stores: Sequence[FeatureStore], videos: Sequence[Video]
) -> tuple[dict[str, dict[str, float | None]], float]:
    """(model -> frame and video AUC; the largest difference between segment scores of two models).

    An AUC is None if the videos have one class, the frame AUC also if an anomalous video has no annotated
    frames. stores: in the order of training.
    """
    scorers = {name: OnnxScorer(checkpoint, model) for name, model in models.items()}
    frames, video_scores = {name: [] for name in models}, {name: [] for name in models}
    labels, difference = [], 0.0
    annotated = all(video.has_frame_truth for video in videos)
    for video in videos:
        parts = read_joined(stores, video.video_id, checkpoint.config.data.segments)
        if annotated:
            labels.append(frame_labels(video, parts[0].num_frames))
        scores = {name: scorer.score(*parts) for name, scorer in scorers.items()}
        for name, each in scores.items():
            video_scores[name].append(each.video_score)
            frames[name].append(_frames(each.segment_score, parts[0]))
        ranges = np.ptp([each.segment_score for each in scores.values()], axis=0)
        difference = max(difference, float(ranges.max()))
    anomalous = np.array([video.is_anomalous for video in videos])
    found = {}
    for name in models:
        measures = video_measures(anomalous, np.array(video_scores[name]))
        measures |= frame_measures(labels, frames[name], anomalous=anomalous) if annotated else {}
        found[name] = {each: measures[each].value if each in measures else None for each in MEASURES}
    return found, difference


def _frames(segment_score: np.ndarray, features: VideoFeatures) -> np.ndarray:
    return spread(
        segment_score, features.frame_span, num_frames=features.num_frames, video_id=features.video_id
    ).score
