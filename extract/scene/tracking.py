"""Identities across frames for people whom a detector found."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from extract.scene.overlap_tracker import OverlapTracker
from extract.scene.people import UNKNOWN_ID, People

Tracker = Callable[[People], People]  # people of the next frame -> those with an identity, with their ids
LOST_SECONDS = 1.0  # somebody out of sight for longer returns with a new identity
MIN_OVERLAP = 0.1  # intersection over union of boxes that may be one person, as in ByteTrack's first round


def make_tracker(name: str, *, fps: float, least_score: float) -> Tracker:
    """A tracker for one video that is sampled at `fps` frames per second.

    least_score: detections below it start no track. Raises ValueError for an unknown name and for a package
    that is not installed.
    """
    lost_frames = max(1, round(LOST_SECONDS * fps))
    if name == "none":
        return lambda people: people.select(people.scores >= least_score)
    if name == "overlap":
        return OverlapTracker(least_score=least_score, lost_frames=lost_frames, min_overlap=MIN_OVERLAP)
    if name == "bytetrack":
        return ByteTrack(least_score=least_score, lost_frames=lost_frames)
    raise ValueError(f"unknown tracker {name!r}; known trackers: bytetrack, overlap, none")


class ByteTrack:
    """ByteTrack (Zhang et al., ECCV 2022, https://arxiv.org/abs/2110.06864) of the package `trackers`."""

    def __init__(self, *, least_score: float, lost_frames: int):
        try:
            # The extra [scene] installs both.
            from supervision import Detections  # pyright: ignore[reportMissingImports]
            from trackers import ByteTrackTracker  # pyright: ignore[reportMissingImports]
        except ImportError:
            raise ValueError(
                "tracker bytetrack needs the package trackers, which is not installed: "
                "pip install 'vad-pipeline[scene]', or use the tracker overlap"
            ) from None
        self.detections = Detections
        self.tracker = ByteTrackTracker(
            lost_track_buffer=lost_frames,
            frame_rate=30.0,  # its buffer counts frames at 30 per second, so this makes it count ours
            track_activation_threshold=least_score,
            high_conf_det_threshold=least_score,
            minimum_consecutive_frames=1,
            minimum_iou_threshold=MIN_OVERLAP,
        )

    def __call__(self, people: People) -> People:
        rows = np.arange(len(people))  # sent as class ids, because it may return another order
        tracked = self.tracker.update(
            self.detections(
                xyxy=people.boxes.reshape(-1, 4),
                confidence=people.scores,
                class_id=rows,
                data={"row": rows},
            )
        )
        # People whom it does not return have no track yet.
        track_id = np.full(len(people), UNKNOWN_ID)
        if len(tracked):
            track_id[tracked.class_id] = tracked.tracker_id
        return people.with_ids(track_id).select(track_id != UNKNOWN_ID)
