"""Frames between a camera and the engine: the newest wins, none of a recording is lost, rates are even."""

import threading

import numpy as np
import pytest

from extract.decode.open_video import DecodedFrame
from score.live.frames.captured_frame import CapturedFrame, FrameRun
from score.live.frames.frame_buffer import MOST_BYTES, MOST_FRAMES, FrameBuffer
from score.live.frames.frame_rate import FrameRate, RateLimit
from score.live.frames.zone import Zone, mask_of_polygons


def frame(number, shape=(4, 4, 3)):
    pixels = np.zeros(shape, np.uint8)
    decoded = DecodedFrame(number, number + 1, number / 25, (number + 1) / 25, lambda: pixels)
    return CapturedFrame(FrameRun(25.0, 0, 0.0), decoded, 0.0, 0.0, pixels)


def begun(**settings):
    """A buffer from which an engine takes."""
    buffer = FrameBuffer(threading.Event(), waits=False, **settings)
    assert buffer.take() == []
    return buffer


def test_a_buffer_that_nobody_empties_keeps_the_newest_frame_and_counts_the_others():
    buffer, count = begun(), 5 * MOST_FRAMES + 3
    for number in range(count):
        buffer.put(frame(number))
    left = [each.number for each in buffer.take()]
    # What is left is the end of the stream without a gap, and everything before it was skipped.
    assert left == list(range(count - len(left), count)) and len(left) <= MOST_FRAMES
    assert buffer.skipped == count - len(left)


def test_large_frames_are_fewer():
    buffer = begun()
    shape = (1080, 1920, 3)
    for number in range(20):
        buffer.put(frame(number, shape))
    kept = buffer.take()
    assert sum(each.pixels.nbytes for each in kept) <= MOST_BYTES and kept[-1].number == 19


def test_before_the_engine_begins_more_frames_wait_and_all_of_them_are_taken():
    arrived, count = threading.Event(), 4 * MOST_FRAMES
    buffer = FrameBuffer(arrived, waits=False)
    for number in range(count):
        buffer.put(frame(number))
    arrived.clear()
    taken = []
    # The camera goes on while the first of them are computed.
    for number in range(count, count + 8 * MOST_FRAMES, MOST_FRAMES // 2):
        portion = [each.number for each in buffer.take()]
        assert len(portion) <= MOST_FRAMES and (arrived.is_set() or buffer.is_empty)
        taken += portion
        for late in range(number, number + MOST_FRAMES // 2):
            buffer.put(frame(late))
    while portion := [each.number for each in buffer.take()]:
        taken += portion
    assert taken == list(range(len(taken))) and len(taken) > count and buffer.skipped == 0


def test_an_engine_that_is_too_slow_for_its_camera_lets_go_of_what_waited_for_it():
    """Twice as many frames come as it takes: what waits does not become more, and it soon has new frames."""
    buffer = FrameBuffer(threading.Event(), waits=False)
    for number in range(4 * MOST_FRAMES):
        buffer.put(frame(number))
    number, ages = 4 * MOST_FRAMES, []
    for _ in range(8):
        ages += [number - 1 - each.number for each in buffer.take()]
        for _ in range(2 * MOST_FRAMES):
            buffer.put(frame(number))
            number += 1
    assert max(ages) < 4 * MOST_FRAMES and max(ages[-MOST_FRAMES:]) < 2 * MOST_FRAMES
    assert buffer.skipped > 0


def test_before_the_engine_begins_the_oldest_frames_go_and_memory_is_bounded():
    size = frame(0).pixels.nbytes
    buffer = FrameBuffer(threading.Event(), waits=False, start_bytes=40 * size)
    for number in range(100):
        buffer.put(frame(number))
    kept = [*buffer.take(), *buffer.take()]
    assert [each.number for each in kept] == list(range(60, 100)) and buffer.skipped == 60


def test_a_recording_waits_for_the_engine_and_loses_nothing():
    arrived, count = threading.Event(), 3 * MOST_FRAMES
    buffer = FrameBuffer(arrived, waits=True)
    thread = threading.Thread(target=lambda: [buffer.put(frame(number)) for number in range(count)])
    thread.start()
    taken = []
    while len(taken) < count:
        assert arrived.wait(10)
        arrived.clear()
        taken += [each.number for each in buffer.take()]
    thread.join(10)
    assert taken == list(range(count)) and buffer.skipped == 0


def test_a_closed_buffer_lets_go_of_a_thread_that_waits():
    buffer = FrameBuffer(threading.Event(), waits=True)
    thread = threading.Thread(target=lambda: [buffer.put(frame(number)) for number in range(200)])
    thread.start()
    buffer.close()
    thread.join(10)
    assert not thread.is_alive()


@pytest.mark.parametrize("fps, rate, share", [(25, 10, 0.4), (30, 10, 1 / 3), (25, 25, 1.0), (10, 25, 1.0)])
def test_a_rate_takes_its_share_of_the_frames_evenly(fps, rate, share):
    limit = RateLimit(rate)
    taken = [number for number in range(20 * fps) if limit.takes(number / fps)]
    assert len(taken) == pytest.approx(20 * fps * share, abs=1)
    assert np.ptp(np.diff(taken)) <= 1


def test_a_gap_is_not_made_up_for():
    limit = RateLimit(5)
    times = [*np.arange(0, 2, 0.04), *np.arange(60, 62, 0.04)]
    taken = np.array([seconds for seconds in times if limit.takes(seconds)])
    assert (taken >= 60).sum() == pytest.approx(10, abs=1)


def test_arrivals_are_counted_over_whole_seconds():
    rate = FrameRate()
    assert rate.per_second(0.0) == 0.0
    for number in range(200):
        rate.note(100 + number / 20)
    assert rate.per_second(110.0) == pytest.approx(20)


def test_a_zone_is_black_in_pictures_of_any_size_and_nothing_else_is():
    zone = Zone(mask_of_polygons([[(0, 0), (9, 0), (9, 9), (0, 9)]] * 2, (40, 20)))
    for height, width in ((20, 40), (40, 80)):
        pixels = np.full((height, width, 3), 200, np.uint8)
        black = (zone.black_out(pixels) == 0).all(axis=2)
        expected = np.zeros((height, width), bool)
        expected[: height // 2, : width // 4] = True
        np.testing.assert_array_equal(black, expected)
