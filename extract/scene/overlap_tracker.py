"""Tracking by overlap of boxes, without further packages: the two rounds of ByteTrack on boxes that glide on.

Zhang et al., ByteTrack, ECCV 2022, https://arxiv.org/abs/2110.06864; a box moves on by its mean motion of the
last frames instead of a Kalman filter's, and somebody gets a number at once.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from extract.scene.people import UNKNOWN_ID, People

MEMORY = 0.6  # share of the motion before in the motion now


@dataclass
class Track:
    """name: its number. box: [4], where it was seen last or must be by now. motion: [4] pixels a frame."""

    name: int
    box: np.ndarray
    motion: np.ndarray
    unseen: int = 0


class OverlapTracker:
    """Called with the people of one frame after the other; numbers count from 0, in order of appearance."""

    def __init__(self, *, least_score: float, lost_frames: int, least_overlap: float):
        self.least_score, self.lost_frames, self.least_overlap = least_score, lost_frames, least_overlap
        self.tracks: list[Track] = []
        self.named = 0

    def __call__(self, seen: People) -> People:
        """Sure detections are matched first and start tracks; unsure ones only go on with them or are left
        out."""
        track_id = np.full(len(seen), UNKNOWN_ID)
        for track in self.tracks:
            track.box, track.unseen = track.box + track.motion, track.unseen + 1
        sure = seen.scores >= self.least_score
        free = list(self.tracks)
        for chosen in (np.flatnonzero(sure), np.flatnonzero(~sure)):
            for track, person in self._matched(free, seen.boxes, chosen):
                self._go_on(track, seen.boxes[person])
                track_id[person] = track.name
            free = [track for track in free if track.unseen]
        for person in np.flatnonzero(sure & (track_id == UNKNOWN_ID)):
            self.tracks.append(Track(self.named, seen.boxes[person].astype(float), np.zeros(4)))
            track_id[person] = self.named
            self.named += 1
        self.tracks = [track for track in self.tracks if track.unseen <= self.lost_frames]
        return seen.named(track_id).where(track_id != UNKNOWN_ID)

    def _matched(self, tracks: list[Track], boxes: np.ndarray, chosen: np.ndarray) -> list[tuple[Track, int]]:
        from scipy.optimize import linear_sum_assignment

        if not tracks or not len(chosen):
            return []
        overlaps = overlap(np.stack([track.box for track in tracks]), boxes[chosen].astype(float))
        pairs = zip(*linear_sum_assignment(-overlaps))
        return [
            (tracks[row], int(chosen[column]))
            for row, column in pairs
            if overlaps[row, column] >= self.least_overlap
        ]

    def _go_on(self, track: Track, box: np.ndarray) -> None:
        before = track.box - track.unseen * track.motion  # where it was when it was seen
        moved = (box - before) / track.unseen
        track.motion = MEMORY * track.motion + (1 - MEMORY) * moved
        track.box, track.unseen = box.astype(float), 0


def overlap(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    """Intersection over union [n, m] of boxes [n, 4] and [m, 4]."""
    corner = np.maximum(one[:, None, :2], other[None, :, :2])
    far = np.minimum(one[:, None, 2:], other[None, :, 2:])
    common = np.prod(np.maximum(far - corner, 0), axis=-1)
    areas = [np.prod(np.maximum(each[:, 2:] - each[:, :2], 0), axis=-1) for each in (one, other)]
    return common / np.maximum(areas[0][:, None] + areas[1][None] - common, 1e-9)
