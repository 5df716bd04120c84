"""Every term of the head reclass, and their combined score, on the frames of a video."""

from __future__ import annotations

import numpy as np
import torch

from data_lists import Video, frame_labels
from extract.store import VideoFeatures
from score.heads.reclass_parts.score_terms import NAMES
from score.scoring.frame_scores import spread
from score.scoring.scorer import Scorer

COLUMNS = (*NAMES, "score")


def frame_terms(scorer: Scorer, features: VideoFeatures, video: Video) -> tuple[np.ndarray, np.ndarray]:
    """Labels [F], and every column on frames [K + 1, F]."""
    with torch.no_grad():
        output = scorer.head(scorer.bags(features))
    rows = [*output.aux["terms"][0].T.numpy(), output.segment_score[0].numpy()]
    scores = [on_frames(row, features) for row in rows]
    return frame_labels(video, features.num_frames), np.stack(scores)


def on_frames(row: np.ndarray, features: VideoFeatures) -> np.ndarray:
    """Spreads one number per segment [N] over frames [F]."""
    return spread(row, features.frame_span, num_frames=features.num_frames, video_id=features.video_id).score
