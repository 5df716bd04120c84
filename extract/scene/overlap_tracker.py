"""Tracking by box overlap: ByteTrack's two rounds with boxes of constant motion.

Zhang et al., ByteTrack, ECCV 2022, https://arxiv.org/abs/2110.06864. Here a box moves on with the mean motion
of its last frames instead of a Kalman filter's estimate, and a new person gets an id at once.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from extract.scene.people import UNKNOWN_ID, People

MOMENTUM = 0.6  # weight of the previous motion in the current one


@dataclass
class Track:
    """One person over time."""

    track_id: int
    box: np.ndarray  # [4], where it was detected last or is predicted to be by now
    motion: np.ndarray  # [4], pixels per frame
    frames_since_detection: int = 0


class OverlapTracker:
    """Call it with the people of one frame after the other; ids count from 0 in order of appearance.

    least_score: detections below it start no track. lost_frames: tracks that go unmatched for longer end.
    min_overlap: intersection over union below which two boxes are never one person.
    """

    def __init__(self, *, least_score: float, lost_frames: int, min_overlap: float):
        self.least_score, self.lost_frames, self.min_overlap = least_score, lost_frames, min_overlap
        self.tracks: list[Track] = []
        self.next_id = 0

    def __call__(self, people: People) -> People:
        """Match confident detections first; only they start tracks. Others continue one or are dropped."""
        track_id = np.full(len(people), UNKNOWN_ID)
        for track in self.tracks:
            track.box = track.box + track.motion
            track.frames_since_detection += 1
        confident = people.scores >= self.least_score
        unmatched = list(self.tracks)
        # ByteTrack's idea: somebody partly hidden has a low score but still overlaps their own track.
        for chosen in (np.flatnonzero(confident), np.flatnonzero(~confident)):
            for track, person in self._matches(unmatched, people.boxes, chosen):
                self._update(track, people.boxes[person])
                track_id[person] = track.track_id
            unmatched = [track for track in unmatched if track.frames_since_detection]
        for person in np.flatnonzero(confident & (track_id == UNKNOWN_ID)):
            self.tracks.append(Track(self.next_id, people.boxes[person].astype(float), np.zeros(4)))
            track_id[person] = self.next_id
            self.next_id += 1
        self.tracks = [track for track in self.tracks if track.frames_since_detection <= self.lost_frames]
        return people.with_ids(track_id).select(track_id != UNKNOWN_ID)

    def _matches(self, tracks: list[Track], boxes: np.ndarray, chosen: np.ndarray) -> list[tuple[Track, int]]:
        from scipy.optimize import linear_sum_assignment

        if not tracks or not len(chosen):
            return []
        overlaps = overlap(np.stack([track.box for track in tracks]), boxes[chosen].astype(float))
        rows, columns = linear_sum_assignment(-overlaps)
        return [
            (tracks[row], int(chosen[column]))
            for row, column in zip(rows, columns, strict=True)
            if overlaps[row, column] >= self.min_overlap
        ]

    def _update(self, track: Track, box: np.ndarray) -> None:
        elapsed = track.frames_since_detection
        # Undo the prediction: motion is measured between detections.
        last_detected = track.box - elapsed * track.motion
        motion = (box - last_detected) / elapsed
        track.motion = MOMENTUM * track.motion + (1 - MOMENTUM) * motion
        track.box, track.frames_since_detection = box.astype(float), 0


def overlap(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    """Intersection over union [n, m] of boxes [n, 4] and [m, 4]."""
    corner = np.maximum(one[:, None, :2], other[None, :, :2])
    far = np.minimum(one[:, None, 2:], other[None, :, 2:])
    common = np.prod(np.maximum(far - corner, 0), axis=-1)
    areas = [np.prod(np.maximum(each[:, 2:] - each[:, :2], 0), axis=-1) for each in (one, other)]
    return common / np.maximum(areas[0][:, None] + areas[1][None] - common, 1e-9)
