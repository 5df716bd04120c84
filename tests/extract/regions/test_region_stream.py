"""A stream of regions: cameras that move, cuts, windows, detectors beside the foreground, rates and sizes."""

from dataclasses import replace

import cv2
import numpy as np
import pytest

from extract.regions import region_stream
from extract.regions.frame_flow import FrameFlow
from extract.regions.region_mask import region_mask
from extract.regions.region_stream import RegionStream
from extract.scene.people import make_people
from support.moving_block import HEIGHT, SETTINGS, WIDTH, described, street


def textured(seed: int = 0) -> np.ndarray:
    random = np.random.default_rng(seed)
    return cv2.GaussianBlur(random.uniform(0, 255, (HEIGHT, WIDTH + 80)).astype(np.float32), (0, 0), 2)


def test_the_motion_of_the_camera_is_not_that_of_regions():
    wall, block = textured(), textured(1)[:26, :14]
    frames = []
    for number in range(14):
        frame = wall[:, 2 * number : 2 * number + WIDTH].copy()
        frame[50:76, 20 + 3 * number : 34 + 3 * number] = block
        frames.append(frame.astype(np.uint8))
    flow = FrameFlow(HEIGHT, WIDTH)
    field, moved = flow.between(*(flow.prepared(frame) for frame in frames[5:7]))
    assert moved and np.median(np.hypot(field[..., 0], field[..., 1])) < 0.2
    still = [np.where(np.arange(WIDTH) < 0, 0, frames[0])] * 2
    assert not flow.between(*(flow.prepared(frame) for frame in still))[1]
    found = described(np.stack(frames)[..., None].repeat(3, axis=3))
    for number in range(5, 9):
        # The block, 5 pixels a frame against the wall, is what is fastest.
        fastest = int(found[number].speed[:, 2].argmax())
        left, top, right, bottom = found[number].boxes[fastest]
        assert left - 4 < 27 + 3 * number < right + 4 and top - 4 < 63 < bottom + 4


def test_nothing_moves_from_one_shot_into_the_next():
    here = np.clip(6 * (textured() - 128) + 128, 0, 255).astype(np.uint8)[:, :WIDTH]
    there = (255 - here)[::-1]
    frames = np.concatenate([here[None].repeat(6, axis=0), there[None].repeat(6, axis=0)])
    found = described(frames[..., None].repeat(3, axis=3))
    assert all(not len(frame.boxes) for frame in found)


def test_windows_do_not_break_paths(monkeypatch):
    # The wall is seen whole in both windows, so that only paths could differ.
    frames = street(48, speed=2)
    whole = described(frames)
    monkeypatch.setattr(region_stream, "WINDOW", 24)
    for number, (one, other) in enumerate(zip(whole, described(frames), strict=True)):
        if 6 <= number < 42:
            assert other.speed[0, 2] == pytest.approx(one.speed[0, 2], rel=0.1)


def test_a_detector_is_asked_now_and_then_and_what_it_covers_is_not_found_twice():
    asked, frames = [], street(16, speed=2)

    def find(pictures):
        asked.append(len(pictures))
        number = 4 * (len(asked) - 1)
        left = 20 + 2 * number
        return [make_people(np.array([[left - 2, 48, left + 18, 78], [100, 5, 110, 25]], np.float32))]

    settings = replace(SETTINGS, detector="hog", detect_every=4)
    stream = RegionStream(settings, find)
    found = [*stream.add(frames, np.arange(len(frames)) / 25), *stream.end()]
    assert asked == [1] * 4
    for frame in found[4:]:
        assert len(frame.boxes) == 2  # the block once, and what stands still
    lost = RegionStream(settings, lambda _: [make_people(np.zeros((0, 4), np.float32))])
    alone = [*lost.add(frames, np.arange(len(frames)) / 25), *lost.end()]
    assert [len(frame.boxes) for frame in alone[4:]] == [1] * 12
    few = RegionStream(replace(settings, most=1), find)
    assert all(len(frame.boxes) == 1 for frame in [*few.add(frames[:4], np.arange(4) / 25), *few.end()])


def test_what_moves_slightly_belongs_to_something_and_what_flickers_slightly_does_not():
    grey, velocity = np.full((48, 64), 100, np.uint8), np.zeros((24, 32, 2), np.float32)
    grey[10:20, 10:20], grey[30:40, 10:20], grey[10:20, 40:50] = 112, 112, 140
    velocity[5:10, 5:10] = 1
    mask = region_mask(grey, np.full((48, 64), 100, np.float32), velocity, interval=0.1)
    assert mask[12:18, 12:18].all() and not mask[28:42].any() and mask[12:18, 42:48].all()
    # The picture of another place says nothing: only motion counts.
    mask = region_mask(grey, np.full((48, 64), 30, np.float32), velocity, interval=0.1)
    assert mask[12:18, 12:18].all() and not mask[:, 30:].any()


@pytest.mark.parametrize("count", [1, 2])
def test_a_video_of_a_frame_or_two_has_regions_of_no_speed_or_none(count):
    found = described(street(count, speed=0))
    assert len(found) == count and all(not frame.speed.any() for frame in found)


@pytest.mark.parametrize("rate", [10, 25, 50])
def test_speeds_are_those_of_seconds_whatever_the_rate_is(rate):
    found = RegionStream(SETTINGS)
    frames = street(round(1.6 * rate), speed=40 / rate)
    regions = [*found.add(frames, np.arange(len(frames)) / rate), *found.end()]
    middle = [frame.speed[0, 2] for frame in regions[6:-6]]
    assert np.median(middle) == pytest.approx(40 / HEIGHT, rel=0.2)


@pytest.mark.parametrize("scale", [2, 3])
def test_speeds_and_boxes_are_those_of_the_picture_at_any_size(scale):
    frames = street(20, speed=2)
    large = np.stack([cv2.resize(each, None, fx=scale, fy=scale) for each in frames])
    for one, other in list(zip(described(frames), described(large), strict=True))[6:-6]:
        np.testing.assert_allclose(other.boxes[:1] / scale, one.boxes[:1], atol=3)
        assert other.speed[0, 2] == pytest.approx(one.speed[0, 2], rel=0.2)


def test_the_picture_counts_before_a_camera_that_stands_still_and_not_while_it_moves(monkeypatch):
    wall, shown = textured(), []
    place = [0] * 10 + [4, 8, 12, 16] + [16] * 10
    frames = np.stack([wall[:, each : each + WIDTH] for each in place]).astype(np.uint8)

    def mask(grey, picture, velocity, **others):
        shown.append(picture is not None)
        return region_mask(grey, picture, velocity, **others)

    monkeypatch.setattr(region_stream, "region_mask", mask)
    described(frames[..., None].repeat(3, axis=3))
    # Both frames of each pair between which it moved.
    assert shown == [number < 9 or number > 13 for number in range(len(place))]


def test_windows_come_out_once_they_are_full_and_their_pictures_are_of_the_whole_shot(monkeypatch):
    monkeypatch.setattr(region_stream, "WINDOW", 10)
    seen = []

    def picture(frames):
        seen.append(len(frames))
        return np.full((HEIGHT, WIDTH), 100, np.float32)

    monkeypatch.setattr(region_stream, "still_picture", picture)
    stream, frames, out = RegionStream(SETTINGS), street(60, speed=1), []
    for number, frame in enumerate(frames):
        out += [len(list(stream.add(frame[None], np.array([number / 25]))))]
    ready = region_stream.WINDOW + region_stream.MOST_REACH
    assert out == [10 * (number >= ready and (number - ready) % 10 == 0) for number in range(1, 61)]
    assert sum(out) + len(list(stream.end())) == 60
    # The first has what is held; the later ones also what paths needed, MOST_REACH frames back.
    kept = region_stream.MOST_REACH
    assert seen[:3] == [10 + kept, 10 + kept + 10, 10 + kept + kept]


@pytest.mark.parametrize("rate", [10, 25, 50])
def test_paths_tracks_and_what_counts_as_motion_are_of_seconds(rate):
    # A block that is hidden for half a second is the same one, and for two seconds another.
    def hidden(seconds):
        frames = street(round(4 * rate), speed=24 / rate)
        first = round(2 * rate)
        frames[first : first + round(seconds * rate)] = street(1, speed=0)[0]
        frames[first : first + round(seconds * rate), 40:90, 10:50] = frames[-1, 40:90, 10:50]
        stream = RegionStream(SETTINGS)
        found = [*stream.add(frames, np.arange(len(frames)) / rate), *stream.end()]
        return found[rate].track_id[0] == found[-2].track_id[0]

    assert hidden(0.4) and not hidden(1.6)
    grey, picture = np.full((240, 320), 112, np.uint8), np.full((240, 320), 100, np.float32)
    for speed, moves in ((5, False), (7, True)):  # pixels a second; a fortieth of the height is 6
        velocity = np.full((120, 160, 2), [speed / rate, 0], np.float32)
        assert region_mask(grey, picture, velocity, interval=1 / rate).all() == moves


def test_what_is_left_of_the_motion_of_a_camera_is_not_motion_of_regions():
    velocity = np.random.default_rng(0).normal(0, 1, (120, 160, 2)).astype(np.float32)
    velocity[20:40, 20:40] = [8, 0]
    mask = region_mask(np.zeros((240, 320), np.uint8), None, velocity, interval=0.04)
    assert mask[44:76, 44:76].all() and mask[90:].mean() < 0.01
