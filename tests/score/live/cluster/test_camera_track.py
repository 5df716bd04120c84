"""A camera's numbers and times over several actors: as after a lost connection, or as of one file."""

from dataclasses import replace

import numpy as np
import pytest

from score.alerts.clips.camera_ring import to_picture
from score.alerts.kept_files import ClipSettings
from score.alerts.watch_events import CameraState, LiveFrame, LiveSegment
from score.live.cluster.camera_track import CameraTrack
from score.live.cluster.outbox import SentPicture
from score.live.sources.resume_point import ResumePoint
from support.watching import camera_at, file_camera

LENGTH, FPS = 4, 10


def segments(count: int, *, token: str = "1") -> list[LiveSegment]:
    """As an actor reports them from the start of a run."""
    return [
        LiveSegment(
            camera=token,
            number=number,
            frame_span=(number * LENGTH, (number + 1) * LENGTH),
            time_span=(number * LENGTH / FPS, (number + 1) * LENGTH / FPS),
            arrived=(0.0, 0.0),
            rows=(),
            score=number / 100,
            class_probability=None,
            latency=0.1,
            restarted=number == 0,
        )
        for number in range(count)
    ]


def reported(track: CameraTrack, count: int, *, token: str) -> list[LiveSegment]:
    track.give(token)
    found = [track.segment(each) for each in segments(count, token=token)]
    return [each for each in found if each is not None]


@pytest.fixture
def clock(monkeypatch):
    """The monotonic clock, which goes on by hand."""
    now = [1000.0]
    monkeypatch.setattr("time.monotonic", lambda: now[0])
    return now


def test_a_live_camera_goes_on_as_after_a_lost_connection(clock):
    track = CameraTrack(camera_at("rtsp://host/x", "gate"))
    first = reported(track, 3, token="1")
    track.leave("its actor died")
    clock[0] += 7.5
    second = reported(track, 2, token="2")
    assert [each.number for each in first + second] == [0, 1, 2, 3, 4]
    assert {each.camera for each in first + second} == {"gate"}
    assert [each.frame_span for each in second] == [(12, 16), (16, 20)]
    # 1.2 s were seen, and 7.5 s have passed since.
    np.testing.assert_allclose([each.time_span for each in second], [(8.7, 9.1), (9.1, 9.5)])
    assert [each.restarted for each in first + second] == [True, False, False, True, False]


def test_a_file_is_read_again_and_what_is_known_is_left_out(tmp_path):
    track = CameraTrack(file_camera(tmp_path / "a.mp4"))
    first = reported(track, 3, token="1")
    track.leave("its actor died")
    second = reported(track, 5, token="2")
    track.leave("its actor died")
    whole = [replace(each, camera="a") for each in segments(5)]
    assert first + second == whole  # nothing lost, doubled or begun anew
    assert reported(track, 5, token="3") == []


def test_a_file_in_real_time_goes_on_where_it_would_be_by_now(tmp_path, clock):
    track = CameraTrack(file_camera(tmp_path / "a.mp4", realtime=True))
    assert track.give("1").played_seconds == 0.0
    reported(track, 3, token="1")
    clock[0] += 2.0
    track.leave("its actor died")
    assert track.give("2").played_seconds == pytest.approx(1.2 + 2.0)
    later = [track.segment(each) for each in segments(10)[8:]]
    assert [each.time_span for each in later if each] == [each.time_span for each in segments(10)[8:]]
    assert later[0] is not None and later[0].restarted and later[0].number == 3


def test_a_folder_begins_again_with_the_file_in_work(tmp_path):
    track = CameraTrack(camera_at(str(tmp_path), "folder"))
    reported(track, 3, token="1")
    # Its second file began with frame 8, at 0.8 s.
    track.reached(ResumePoint("clip_1.mp4", 8, 0.8))
    track.leave("its actor died")
    camera = track.give("2")
    assert camera.after == "clip_1.mp4"
    spans = [each.frame_span for each in segments(3) if (track.segment(each)) is not None]
    assert spans == [(4, 8), (8, 12)]  # (0, 4) of the actor is (8, 12) of the camera, which is known
    track.reached(ResumePoint("clip_2.mp4", 12, 1.2))
    track.leave("its actor died")
    assert track.give("3").after == "clip_2.mp4"
    moved = track.segment(segments(1)[0])
    assert moved is not None and moved.frame_span == (20, 24) and moved.time_span == pytest.approx((2.0, 2.4))


def test_counts_never_fall():
    track = CameraTrack(camera_at("rtsp://host/x", "gate"))
    track.give("1")
    state = CameraState("1", "live", "", 0.0, 100, 7, 10.0, None, damaged=2)
    assert track.state(state) == replace(state, camera="gate")
    track.leave("its actor died")
    own = track.own_state()
    assert (own.connection, own.detail, own.fps, own.skipped) == ("lost", "its actor died", 0.0, 7)
    track.give("2")
    after = track.state(replace(state, camera="2", frames=3, skipped=1, damaged=0))
    assert (after.frames, after.skipped, after.damaged) == (100, 8, 2)


def test_frames_are_pictures_of_the_camera_and_known_ones_are_left_out(tmp_path):
    track = CameraTrack(file_camera(tmp_path / "a.mp4"))
    pixels = np.full((48, 64, 3), (200, 40, 90), np.uint8)
    frame = LiveFrame("1", 5, 0.5, 1.0, pixels)
    sent = SentPicture("1", 5, 0.5, 1.0, to_picture(frame, ClipSettings(quality=95)))
    track.give("1")
    taken = track.frame(sent)
    assert taken is not None and (taken.camera, taken.number, taken.seconds) == ("a", 5, 0.5)
    assert np.abs(taken.pixels.astype(int) - pixels).max() <= 4 and taken.pixels.flags.c_contiguous
    track.leave("its actor died")
    track.give("2")
    assert track.frame(sent) is None
