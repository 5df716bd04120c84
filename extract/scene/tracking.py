"""Who is who from frame to frame: identities for people whom a detector found."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from extract.scene.overlap_tracker import OverlapTracker
from extract.scene.people import UNKNOWN_ID, People

Tracker = Callable[[People], People]  # the people of the next frame -> those who have an identity, named
LOST_SECONDS = 1.0  # somebody unseen for longer comes back as somebody else
LEAST_OVERLAP = (
    0.1  # intersection over union of two boxes that may be one person, as in ByteTrack's first round
)


def make_tracker(name: str, *, fps: float, least_score: float) -> Tracker:
    """A tracker for one video. fps: frames a second that it sees. Raises ValueError without its package."""
    lost_frames = max(1, round(LOST_SECONDS * fps))
    if name == "none":
        return lambda seen: seen.where(seen.scores >= least_score)
    if name == "overlap":
        return OverlapTracker(least_score=least_score, lost_frames=lost_frames, least_overlap=LEAST_OVERLAP)
    if name == "bytetrack":
        return ByteTrack(least_score=least_score, lost_frames=lost_frames)
    raise ValueError(f"unknown tracker {name!r}; known trackers: bytetrack, overlap, none")


class ByteTrack:
    """ByteTrack (Zhang et al., ECCV 2022, https://arxiv.org/abs/2110.06864) of the package `trackers`."""

    def __init__(self, *, least_score: float, lost_frames: int):
        try:
            from supervision import Detections
            from trackers import ByteTrackTracker
        except ImportError:
            raise ValueError(
                "tracker bytetrack needs the package trackers, which is not installed: "
                "pip install 'vad-pipeline[scene]', or take the tracker overlap"
            ) from None
        self.detections = Detections
        self.tracker = ByteTrackTracker(
            lost_track_buffer=lost_frames,
            frame_rate=30.0,  # its buffer counts frames at 30 a second
            track_activation_threshold=least_score,
            high_conf_det_threshold=least_score,
            minimum_consecutive_frames=1,
            minimum_iou_threshold=LEAST_OVERLAP,
        )

    def __call__(self, seen: People) -> People:
        rows = np.arange(len(seen))  # it may answer in another order
        found = self.tracker.update(
            self.detections(
                xyxy=seen.boxes.reshape(-1, 4), confidence=seen.scores, class_id=rows, data={"row": rows}
            )
        )
        track_id = np.full(len(seen), UNKNOWN_ID)
        if len(found):
            track_id[found.class_id] = found.tracker_id
        return seen.named(track_id).where(track_id != UNKNOWN_ID)
