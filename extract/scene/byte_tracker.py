"""ByteTrack: identities by box overlap, with low scores in a second round (Zhang et al., ECCV 2022).

https://arxiv.org/abs/2110.06864. As in the authors' code (https://github.com/FoundationVision/ByteTrack),
whoever appears after the first frame gets an identity when they are found a second time in a row, so that a
detector's mistake in one frame is nobody, and low scores continue only tracks of the frame before. Unlike
there, scores do not weigh overlaps, and tracks that lie on each other are not merged.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from extract.scene.box_filter import BoxFilter
from extract.scene.overlap_tracker import overlap
from extract.scene.people import UNKNOWN_ID, People

# A box of a low score may show no person at all, so it has to lie on its track (as in the authors' code).
MIN_OVERLAP_LOW_SCORE = 0.5


@dataclass
class FilteredTrack:
    """One person over time."""

    motion: BoxFilter
    track_id: int = UNKNOWN_ID  # until the track is confirmed
    frames_since_detection: int = 0


class ByteTracker:
    """Call it with the people of one frame after the other; ids count from 0 in the order they are assigned.

    least_score: detections below it start no track and are matched second. lost_frames: tracks that go
    unmatched for longer end. min_overlap: intersection over union below which two boxes are never one person.
    """

    def __init__(self, *, least_score: float, lost_frames: int, min_overlap: float):
        self.least_score, self.lost_frames, self.min_overlap = least_score, lost_frames, min_overlap
        self.tracks: list[FilteredTrack] = []
        self.next_id = 0
        self.is_first_frame = True

    def __call__(self, people: People) -> People:
        """The people who have an identity, with it."""
        boxes = people.boxes.astype(float)
        track_id = np.full(len(people), UNKNOWN_ID)
        for track in self.tracks:
            track.motion.predict(keep_height=track.frames_since_detection > 0)
            track.frames_since_detection += 1
        confirmed = [track for track in self.tracks if track.track_id != UNKNOWN_ID]
        seen_last = [track for track in confirmed if track.frames_since_detection == 1]
        new = [track for track in self.tracks if track.track_id == UNKNOWN_ID]
        confident = people.scores >= self.least_score
        low_overlap = max(self.min_overlap, MIN_OVERLAP_LOW_SCORE)
        for tracks, chosen, least in (
            (confirmed, confident, self.min_overlap),
            (seen_last, ~confident, low_overlap),
            (new, confident, self.min_overlap),
        ):
            unmatched = [track for track in tracks if track.frames_since_detection]
            free = np.flatnonzero(chosen & (track_id == UNKNOWN_ID))
            for track, person in _matches(unmatched, boxes, free, least):
                track.motion.update(boxes[person])
                track.frames_since_detection = 0
                self._confirm(track)
                track_id[person] = track.track_id
        self.tracks = [track for track in self.tracks if self._goes_on(track)]
        for person in np.flatnonzero(confident & (track_id == UNKNOWN_ID)):
            track = FilteredTrack(BoxFilter(boxes[person]))
            if self.is_first_frame:
                self._confirm(track)
                track_id[person] = track.track_id
            self.tracks.append(track)
        self.is_first_frame = False
        return people.with_ids(track_id).select(track_id != UNKNOWN_ID)

    def _confirm(self, track: FilteredTrack) -> None:
        if track.track_id == UNKNOWN_ID:
            track.track_id, self.next_id = self.next_id, self.next_id + 1

    def _goes_on(self, track: FilteredTrack) -> bool:
        patience = 0 if track.track_id == UNKNOWN_ID else self.lost_frames
        return track.frames_since_detection <= patience


def _matches(
    tracks: list[FilteredTrack], boxes: np.ndarray, chosen: np.ndarray, least: float
) -> list[tuple[FilteredTrack, int]]:
    """Tracks with the persons, numbers of rows among `chosen`, that together overlap most."""
    from scipy.optimize import linear_sum_assignment

    if not tracks or not len(chosen):
        return []
    overlaps = overlap(np.stack([track.motion.box for track in tracks]), boxes[chosen])
    # A pair that is none must not keep a person from another track.
    allowed = overlaps >= least
    rows, columns = linear_sum_assignment(np.where(allowed, -overlaps, 0))
    return [
        (tracks[row], int(chosen[column]))
        for row, column in zip(rows, columns, strict=True)
        if allowed[row, column]
    ]
