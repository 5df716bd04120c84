"""People in frames in which nobody looked or a detector missed them: they moved evenly in between."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from extract.scene.people import UNKNOWN_ID, People

LONGEST_GAP = 4  # frames of a clip over which somebody who was missed is put back


def fill_gaps(frames: Sequence[People], *, detect_every: int = 1) -> list[People]:
    """The people of a clip's frames, with those of known identity also where they were not seen for a moment.

    Between two sightings boxes and joints move evenly (a joint that one of them lacks is unknown), the score
    is the lower one; before the first and after the last sighting people stand still for less than
    detect_every frames.
    """
    sightings: dict[int, dict[int, int]] = {}  # track id -> frame -> person
    for frame, seen in enumerate(frames):
        for person, name in enumerate(seen.track_id.tolist()):
            if name != UNKNOWN_ID:
                sightings.setdefault(name, {})[frame] = person
    gap = max(LONGEST_GAP, detect_every)
    added: list[list[People]] = [[] for _ in frames]
    for name in sorted(sightings):
        known = sightings[name]
        at = sorted(known)
        rows = {frame: frames[frame].where(np.array([known[frame]])) for frame in at}
        for before, after in zip(at, at[1:]):
            for frame in range(before + 1, after) if after - before <= gap else ():
                added[frame].append(_mixed(rows[before], rows[after], (frame - before) / (after - before)))
        for frame in range(max(0, at[0] - detect_every + 1), at[0]):
            added[frame].append(rows[at[0]])
        for frame in range(at[-1] + 1, min(len(frames), at[-1] + detect_every)):
            added[frame].append(rows[at[-1]])
    return [_joined([seen, *more]) for seen, more in zip(frames, added, strict=True)]


def _mixed(one: People, other: People, share: float) -> People:
    def mix(a, b):
        return ((1 - share) * a + share * b).astype(np.float32)

    known = (one.keypoints[..., 2:] > 0) & (other.keypoints[..., 2:] > 0)
    keypoints = np.where(known, mix(one.keypoints, other.keypoints), 0).astype(np.float32)
    return People(mix(one.boxes, other.boxes), np.minimum(one.scores, other.scores), keypoints, one.track_id)


def _joined(parts: list[People]) -> People:
    if len(parts) == 1:
        return parts[0]
    names = ("boxes", "scores", "keypoints", "track_id")
    return People(*(np.concatenate([getattr(part, name) for part in parts]) for name in names))
