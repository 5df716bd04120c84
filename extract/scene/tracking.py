"""Identities across frames for people whom a detector found."""

from __future__ import annotations

from collections.abc import Callable

from extract.scene.byte_tracker import ByteTracker
from extract.scene.overlap_tracker import OverlapTracker
from extract.scene.people import People

Tracker = Callable[[People], People]  # people of the next frame -> those with an identity, with their ids
LOST_SECONDS = 1.0  # somebody out of sight for longer returns with a new identity
MIN_OVERLAP = 0.1  # intersection over union of boxes that may be one person


def make_tracker(name: str, *, fps: float, least_score: float) -> Tracker:
    """A tracker for one video that is sampled at `fps` frames per second.

    least_score: detections below it start no track. Raises ValueError for an unknown name.
    """
    lost_frames = max(1, round(LOST_SECONDS * fps))
    if name == "none":
        return lambda people: people.select(people.scores >= least_score)
    if name == "overlap":
        return OverlapTracker(least_score=least_score, lost_frames=lost_frames, min_overlap=MIN_OVERLAP)
    if name == "bytetrack":
        return ByteTracker(least_score=least_score, lost_frames=lost_frames, min_overlap=MIN_OVERLAP)
    raise ValueError(f"unknown tracker {name!r}; known trackers: bytetrack, overlap, none")
