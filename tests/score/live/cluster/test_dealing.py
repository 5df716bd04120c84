"""Which actor gets which camera, and what happens to one over which actors die."""

import pytest

from score.live.cluster.camera_track import CameraTrack
from score.live.cluster.dealing import FIRST_WAIT, LONGEST_WAIT, blame, fewest, next_camera, overfull
from support.watching import camera_at


def tracks(*names: str) -> list[CameraTrack]:
    return [CameraTrack(camera_at(f"rtsp://host/{name}", name)) for name in names]


def given(track: CameraTrack, at: float, *, scored: bool = True) -> CameraTrack:
    track.give("1")
    track.given, track.has_scored = at, scored
    return track


def die(*dead: CameraTrack, now: float) -> None:
    blame(dead, now)
    for track in dead:
        track.leave("its actor died")


def test_actors_get_cameras_until_their_numbers_differ_by_one_at_most():
    have = {1: 5, 2: 0, 3: 1}
    while (pair := overfull(have)) is not None:
        have[pair[0]] -= 1
        have[pair[1]] += 1
    assert have == {1: 2, 2: 2, 3: 2}
    assert fewest({1: 2, 2: 1, 3: 1}) == 2 and overfull({}) is None and overfull({1: 9}) is None


def test_cameras_of_a_first_death_move_at_once():
    gate, door = tracks("gate", "door")
    die(given(gate, 0.0), given(door, 99.0), now=100.0)
    assert next_camera([gate, door], 100.0) is gate
    given(gate, 100.0)
    assert next_camera([gate, door], 100.0) is door


def test_a_camera_that_takes_actors_down_waits_longer_each_time_and_a_steady_one_never():
    bad, good = tracks("bad", "good")
    now, waits = 0.0, []
    for _ in range(7):
        die(given(bad, now), given(good, now - 100), now=now + 1)
        waits.append(bad.due - now - 1)
        assert good.due == now + 1
        now = bad.due
    assert waits == pytest.approx([0, FIRST_WAIT, 10, 20, 40, LONGEST_WAIT, LONGEST_WAIT])


def test_suspects_are_tried_one_by_one_and_a_death_counts_against_the_tried_one_alone():
    bad, good = tracks("bad", "good")
    for now in (0.0, 10.0):
        die(given(bad, now), given(good, now), now=now + 1)
    assert bad.deaths == good.deaths == 2 and next_camera([bad, good], 11.0 + FIRST_WAIT - 0.1) is None
    now = 11.0 + FIRST_WAIT
    assert next_camera([bad, good], now) is bad
    given(bad, now, scored=False)
    assert next_camera([bad, good], now + 1) is None  # it is on trial
    bad.has_scored = True
    assert next_camera([bad, good], now + 1) is good
    given(good, now + 1)
    bad.has_scored = False
    die(bad, good, now=now + 2)
    assert (bad.deaths, good.deaths) == (3, 2)
