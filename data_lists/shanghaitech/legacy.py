"""The frame truth of ShanghaiTech's weak test split as RTFM's gt-sh.npy has it."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from data_lists.clip_lengths import ceil_to_clips, known_num_frames
from data_lists.truth import frame_labels
from data_lists.video import Video


def gt_sh(videos: Sequence[Video]) -> list[tuple[str, np.ndarray]]:
    """gt-sh.npy (142,912 frames): the 44 anomalous videos, then the 155 normal ones, each in list order.

    The anomalous part is exact: the mask, continued with its last value to a multiple of 16. Of the normal
    part only the total (124,944 zeros) is known. Rounding num_frames - 3 up to 16 happens to yield it: a fit,
    not a known rule, so the length of a normal video may be off by a clip.
    """
    anomalous = [(video.video_id, _padded(video)) for video in videos if video.is_anomalous]
    normal = [
        (video.video_id, np.zeros(ceil_to_clips(known_num_frames(video) - 3), dtype=np.uint8))
        for video in videos
        if not video.is_anomalous
    ]
    return anomalous + normal


def _padded(video: Video) -> np.ndarray:
    labels = frame_labels(video, known_num_frames(video))
    return np.pad(labels, (0, ceil_to_clips(len(labels)) - len(labels)), mode="edge")
