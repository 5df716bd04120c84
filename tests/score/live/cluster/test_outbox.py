"""What an actor holds for its driver: all scores in order, pictures if there is space, and not for ever."""

import threading
import time

import numpy as np
import pytest

from score.alerts.watch_events import CameraState, LiveFrame
from score.live.cluster import outbox as module
from score.live.cluster.outbox import CameraEnded, CameraReached, Outbox, SentPicture
from score.live.cluster.wanted_pictures import WantedPictures
from score.live.sources.resume_point import ResumePoint
from support.waiting import wait_until

STATE = CameraState("7", "live", "", 0.0, 1, 0, 10.0, None)


def made(wanted=None, *, point=None) -> tuple[Outbox, list[str]]:
    abandoned: list[str] = []
    return Outbox(
        wanted, resume_point=lambda _: point, on_abandoned=lambda: abandoned.append("yes")
    ), abandoned


def frame(number: int, *, side: int = 64) -> LiveFrame:
    return LiveFrame("7", number, number / 25, 0.0, np.zeros((side, side, 3), np.uint8))


def test_events_come_in_order_and_a_folder_says_first_where_it_can_go_on():
    box, _ = made(point=ResumePoint("a.mp4", 3, 0.1))
    box.state(STATE)
    box.ended("7", "")
    assert box.take(0) == [CameraReached("7", ResumePoint("a.mp4", 3, 0.1)), STATE, CameraEnded("7", "")]
    assert box.take(0) == []


def test_as_many_pictures_as_are_wanted_and_none_for_nobody():
    box, _ = made(WantedPictures(5.0, 32))
    for number in range(50):
        box.frame(frame(number))
    taken = box.take(0)
    assert all(isinstance(each, SentPicture) for each in taken)
    assert [each.number for each in taken if isinstance(each, SentPicture)] == list(range(0, 50, 5))
    assert {each.picture.width for each in taken if isinstance(each, SentPicture)} == {32}
    nobody, _ = made()
    nobody.frame(frame(0))
    assert nobody.take(0) == []


def test_pictures_without_space_are_left_out_and_counted(monkeypatch):
    monkeypatch.setattr(module, "PICTURE_BYTES", 1500)
    box, _ = made(WantedPictures(100.0, 64))
    for number in range(20):
        box.frame(frame(number))
    held = len(box.take(0))
    assert 1 <= held < 20 and box.left_out == 20 - held
    box.frame(frame(20))
    assert len(box.take(0)) == 1  # what was fetched has left its space


def test_the_engine_waits_where_scores_find_no_space(monkeypatch):
    monkeypatch.setattr(module, "MOST_EVENTS", 3)
    box, _ = made()
    thread = threading.Thread(target=lambda: [box.ended(str(number), "") for number in range(8)])
    thread.start()
    taken: list = []
    wait_until(lambda: len(box._events) == 3)
    thread.join(0.1)
    assert thread.is_alive()
    while len(taken) < 8:
        taken += box.take(1.0)
    thread.join(10)
    assert [each.camera for each in taken] == [str(number) for number in range(8)]


@pytest.mark.parametrize("full", [False, True])
def test_an_actor_whose_driver_is_gone_lets_its_cameras_go(monkeypatch, full):
    monkeypatch.setattr(module, "LEASE_SECONDS", 0.2)
    monkeypatch.setattr(module, "PAUSE_SECONDS", 0.05)
    monkeypatch.setattr(module, "MOST_EVENTS", 1 if full else 100)
    box, abandoned = made()
    box.take(0)
    box.state(STATE)
    assert not abandoned
    if not full:
        time.sleep(0.25)
    box.state(STATE)
    assert abandoned == ["yes"]
