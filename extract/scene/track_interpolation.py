"""Linear interpolation of people in frames where the detector missed them or did not run."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import numpy as np

from extract.scene.people import UNKNOWN_ID, People

MAX_GAP = 4  # frames of a clip over which somebody the detector missed is interpolated


def fill_gaps(frames: Sequence[People], *, detect_every: int = 1) -> list[People]:
    """The people of a clip's frames, including those with an identity who were missed for a moment.

    Between two detections boxes and joints move linearly (a joint that either one lacks is unknown), and the
    score is the lower one. Before the first and after the last detection people stand still for less than
    detect_every frames.
    """
    detected: dict[int, dict[int, int]] = {}  # track id -> frame -> person
    for frame, people in enumerate(frames):
        for person, track_id in enumerate(people.track_id.tolist()):
            if track_id != UNKNOWN_ID:
                detected.setdefault(track_id, {})[frame] = person
    max_gap = max(MAX_GAP, detect_every)
    added: list[list[People]] = [[] for _ in frames]
    for track_id in sorted(detected):
        person_in = detected[track_id]
        at = sorted(person_in)
        rows = {frame: frames[frame].select(np.array([person_in[frame]])) for frame in at}
        # Longer gaps stay empty: somebody who left the frame and came back was not in between.
        for before, after in itertools.pairwise(at):
            for frame in range(before + 1, after) if after - before <= max_gap else ():
                share = (frame - before) / (after - before)
                added[frame].append(_interpolated(rows[before], rows[after], share))
        for frame in range(max(0, at[0] - detect_every + 1), at[0]):
            added[frame].append(rows[at[0]])
        for frame in range(at[-1] + 1, min(len(frames), at[-1] + detect_every)):
            added[frame].append(rows[at[-1]])
    return [_joined([people, *more]) for people, more in zip(frames, added, strict=True)]


def _interpolated(before: People, after: People, share: float) -> People:
    def mix(a: np.ndarray, b: np.ndarray) -> np.ndarray:
        return ((1 - share) * a + share * b).astype(np.float32)

    known = (before.keypoints[..., 2:] > 0) & (after.keypoints[..., 2:] > 0)
    keypoints = np.where(known, mix(before.keypoints, after.keypoints), 0).astype(np.float32)
    scores = np.minimum(before.scores, after.scores)
    return People(mix(before.boxes, after.boxes), scores, keypoints, before.track_id)


def _joined(parts: list[People]) -> People:
    if len(parts) == 1:
        return parts[0]
    names = ("boxes", "scores", "keypoints", "track_id")
    return People(*(np.concatenate([getattr(part, name) for part in parts]) for name in names))
