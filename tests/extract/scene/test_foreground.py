"""What moves before a still camera is found where it is, and nothing else; pieces are joined by size."""

import cv2
import numpy as np
import pytest

from extract.presets.scene_preset import Scene
from extract.scene.detectors import make_detector
from extract.scene.foreground import ForegroundDetector
from extract.scene.foreground_parts.region_sizes import FEWEST, RegionSizes, merged, pieces

HEIGHT, WIDTH = 96, 144
FPS = 10


def background(seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(80, 120, (HEIGHT, WIDTH, 3)).astype(np.uint8)


def scene(places, *, seed: int = 0, size=(12, 24), noise: int = 0) -> np.ndarray:
    """Frames with dark rectangles. places: for each frame the (left, top) of each."""
    random, frames = np.random.default_rng(seed + 1), []
    for each in places:
        frame = background(seed).astype(int)
        for left, top in each:
            frame[top : top + size[1], left : left + size[0]] = 20
        frames.append(np.clip(frame + random.integers(-noise, noise + 1, frame.shape), 0, 255))
    return np.array(frames, np.uint8)


def iou(one, other) -> float:
    shared = np.prod(np.maximum(np.minimum(one[2:], other[2:]) - np.maximum(one[:2], other[:2]), 0))
    return float(shared / (np.prod(one[2:] - one[:2]) + np.prod(other[2:] - other[:2]) - shared))


def box(left, top, size=(12, 24)):
    return np.array([left, top, left + size[0], top + size[1]], float)


def test_everything_that_enters_is_found_where_it_is():
    places = [[], *([(3 * n, 20), (130 - 2 * n, 60)] for n in range(20))]
    for each, people in zip(places[2:], ForegroundDetector(FPS)(scene(places, noise=4))[2:], strict=True):
        assert len(people) == 2 and (people.scores == 1).all()
        for left, top in each:
            assert max(iou(box(left, top), found) for found in people.boxes) > 0.65


def test_noise_of_a_camera_is_nothing():
    assert not any(len(each) for each in ForegroundDetector(FPS)(scene([[]] * 12, noise=6)))


def test_who_was_there_from_the_start_leaves_no_ghost():
    places = [[(10 + 4 * n, 30)] for n in range(20)]
    found = ForegroundDetector(FPS)(scene(places))
    for (each,), people in list(zip(places, found, strict=True))[5:]:
        assert len(people) == 1 and iou(box(*each), people.boxes[0]) > 0.6


def test_what_stands_still_becomes_background():
    places = [[], *([(5 * n, 30)] for n in range(8)), *[[(35, 30)]] * (3 * FPS)]
    found = ForegroundDetector(FPS)(scene(places))
    assert len(found[8]) == 1 and len(found[12]) == 1 and not len(found[-1])


def test_a_new_scene_begins_with_its_own_background():
    frames = np.concatenate([scene([[]] * 4), 255 - scene([[], [], [(40, 20)]], seed=5)])
    found = ForegroundDetector(FPS)(frames)
    assert [len(each) for each in found] == [0] * 6 + [1]


def test_pieces_of_a_video_give_the_regions_of_the_whole():
    frames = scene([[], *([(4 * n, 30)] for n in range(15))], noise=5)
    whole, parts = ForegroundDetector(FPS)(frames), ForegroundDetector(FPS)
    single = [people for frame in frames for people in parts(frame[None])]
    assert all(np.array_equal(one.boxes, other.boxes) for one, other in zip(whole, single, strict=True))


def test_boxes_of_large_frames_are_in_their_own_pixels():
    frames = scene([[], *([(4 * n, 30)] for n in range(6))])
    large = np.array([cv2.resize(frame, None, fx=10, fy=10) for frame in frames])
    (found,) = ForegroundDetector(FPS)(large)[-1].boxes
    assert iou(box(20, 30) * 10, found) > 0.8


def test_every_video_has_a_background_of_its_own():
    detector = make_detector(Scene(detector="foreground", tracker="none"))
    bright, dark = scene([[]] * 3), 255 - scene([[]] * 3)
    for frames in (bright, dark):
        tracker = detector.for_video("a", fps=FPS)
        assert not any(len(each) for each in tracker(frames, np.arange(3)))


def known_sizes(width: int = 10, height: int = 30) -> RegionSizes:
    sizes = RegionSizes()
    for bottom in range(FEWEST):
        sizes.add([(50, 60 + bottom - height, 50 + width, 60 + bottom)], width=200, height=200)
    return sizes


def test_the_size_of_a_place_is_the_median_of_what_was_near():
    sizes = RegionSizes()
    for step in range(FEWEST):
        sizes.add([(50, 40, 60, 60), (50, 100, 80, 160)], width=200, height=200)
        assert (sizes.at(60) is None) == (2 * step + 2 < FEWEST)
    assert sizes.at(60) == (10, 20) and sizes.at(160) == (30, 60)
    cut_by_the_border = RegionSizes()
    for _ in range(FEWEST):
        cut_by_the_border.add([(0, 40, 10, 60)], width=200, height=200)
    assert cut_by_the_border.at(60) is None


def test_a_head_and_the_legs_below_it_are_one():
    head, legs, other = (52, 40, 58, 48), (50, 52, 60, 70), (120, 40, 130, 70)
    assert merged([head, legs, other], RegionSizes()) == [legs, other, head]
    assert merged([head, legs, other], known_sizes()) == [(50, 40, 60, 70), other]
    far = (50, 10, 60, 28)
    assert far in merged([far, legs], known_sizes())


def test_a_box_within_another_is_part_of_it():
    assert merged([(0, 0, 40, 40), (10, 10, 20, 20)], RegionSizes()) == [(0, 0, 40, 40)]


@pytest.mark.parametrize("linked, count", [(4, 2), (30, 1)])
def test_people_side_by_side_are_cut_where_little_joins_them(linked, count):
    mask = np.zeros((100, 100), bool)
    mask[40:70, 20:30] = mask[40:70, 34:44] = True
    mask[40 : 40 + linked, 30:34] = True  # arms; a cart is as solid in its middle
    found = pieces((20, 40, 44, 70), mask, known_sizes())
    assert len(found) == count
    if count == 2:
        assert found[0][2] <= 34 and found[1][0] >= 30 and found[1][2] == 44
    assert pieces((20, 40, 44, 70), mask, RegionSizes()) == [(20, 40, 44, 70)]


def test_walkers_of_a_real_camera_are_found(test_data):
    paths = sorted((test_data / "ucsd_ped2/Train/Train001").glob("*.jpg"))[:60]
    frames = np.array([cv2.imread(str(path)) for path in paths])
    found = ForegroundDetector(25)(frames)[20:]
    count = np.mean([len(each) for each in found])
    heights = np.concatenate([each.boxes[:, 3] - each.boxes[:, 1] for each in found])
    # Six to ten people walk there, about 30 pixels tall.
    assert 4 < count < 12 and 15 < np.median(heights) < 45
