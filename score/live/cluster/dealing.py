"""Which camera goes to which actor: few to each, and cameras over which actors die one after another.

A camera whose stream brings a process down would take one actor with it after the other. So a camera whose
actors die soon after they got it, twice in a row, waits, longer each time; such cameras are tried one by one,
and a death during a trial counts against that camera alone.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

from score.live.cluster.camera_track import CameraTrack

SOON_SECONDS = 30.0
TRIAL_SECONDS = 10.0  # without a score; the first score ends a trial
FIRST_WAIT, LONGEST_WAIT = 5.0, 60.0
SUSPECT = 2  # deaths


def blame(tracks: Sequence[CameraTrack], now: float) -> None:
    """The actor that had these cameras has died: when each of them goes on."""
    tried = [each for each in tracks if _is_tried(each, now)]
    for track in tracks:
        soon = now - track.given < SOON_SECONDS
        if not tried or track in tried:
            track.deaths = track.deaths + 1 if soon else 1
        late = max(0, track.deaths - SUSPECT)
        wait = min(LONGEST_WAIT, FIRST_WAIT * 2**late) if track.deaths >= SUSPECT else 0.0
        track.due = now + wait


def absolve(tracks: Collection[CameraTrack], now: float) -> None:
    """Cameras that an actor has survived."""
    for track in tracks:
        if track.deaths and track.token and track.has_scored and now - track.given >= SOON_SECONDS:
            track.deaths = 0


def next_camera(tracks: Collection[CameraTrack], now: float) -> CameraTrack | None:
    """The next camera that an actor may have now."""
    trial = any(_is_tried(each, now) for each in tracks)
    for track in tracks:
        if not track.token and not track.is_over and track.due <= now:
            if track.deaths < SUSPECT or not trial:
                return track
    return None


def fewest(cameras: Mapping[int, int]) -> int:
    """The actor with the fewest cameras, the first of several. cameras: actor -> how many it has."""
    return min(cameras, key=lambda actor: (cameras[actor], actor))


def overfull(cameras: Mapping[int, int]) -> tuple[int, int] | None:
    """(from, to): two actors between which a camera should move, because they differ by more than one."""
    if not cameras:
        return None
    most, least = max(cameras, key=lambda actor: (cameras[actor], -actor)), fewest(cameras)
    return (most, least) if cameras[most] > cameras[least] + 1 else None


def _is_tried(track: CameraTrack, now: float) -> bool:
    waiting = not track.has_scored and now - track.given < TRIAL_SECONDS
    return bool(track.token) and track.deaths >= SUSPECT and waiting
