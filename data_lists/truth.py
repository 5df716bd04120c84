"""Frame labels of a video from its anomaly spans, and back."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from data_lists.video import Video


def frame_labels(video: Video, num_frames: int) -> np.ndarray:
    """uint8 [num_frames]: 1 inside the anomaly spans, 0 elsewhere.

    Raises ValueError for an anomalous video without spans (it is not annotated) and for a span that ends
    after the last frame: the truth is never cut to the decoded frames.
    """
    if not video.has_frame_truth:
        raise ValueError(
            f"{video.video_id}: {video.event_class}, but without anomaly spans; annotate its frames"
        )
    labels = np.zeros(num_frames, dtype=np.uint8)
    for start, stop in video.anomaly_spans:
        if stop > num_frames:
            span = f"anomaly span {start}-{stop}"
            raise ValueError(f"{video.video_id}: {span} ends after the last frame ({num_frames} frames)")
        labels[start:stop] = 1
    return labels


def spans_of_labels(labels: Sequence[int] | np.ndarray) -> tuple[tuple[int, int], ...]:
    """Runs of ones in `labels` [num_frames], each 0 or 1, as frames [start, stop)."""
    # Edges alternate between start and stop, because zeros are added on both sides.
    edges = np.flatnonzero(np.diff(np.asarray(labels, dtype=np.int8), prepend=0, append=0))
    return tuple((int(start), int(stop)) for start, stop in edges.reshape(-1, 2))
