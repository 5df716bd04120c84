"""RBDC and TBDC against the definition, tried threshold by threshold and region by region."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from score.metrics import RegionCounts, Regions, curve_of_boxes, curve_of_counts
from score.metrics.regions import area_to_one, box_iou, regions_of_maps


def pixels(box):
    left, top, right, bottom = (int(edge) for edge in box)
    return {(x, y) for x in range(left, right) for y in range(top, bottom)}


def iou(first, second):
    return len(pixels(first) & pixels(second)) / len(pixels(first) | pixels(second))


def slow_points(found, true, *, num_frames, alpha, beta):
    """(false regions a frame, share of regions, share of tracks) at each threshold, as in the paper."""
    points = []
    for threshold in np.unique(found.value)[::-1]:
        kept = [i for i in range(len(found.frame)) if found.value[i] >= threshold]

        def overlap(i, g):
            return found.frame[i] == true.frame[g] and iou(found.box[i], true.box[g]) >= beta

        detected = [any(overlap(i, g) for i in kept) for g in range(len(true.frame))]
        false = sum(not any(overlap(i, g) for g in range(len(true.frame))) for i in kept)
        tracks = [
            np.mean([detected[g] for g in range(len(true.frame)) if true.value[g] == track]) >= alpha
            for track in set(true.value.tolist())
        ]
        points.append((false / num_frames, np.mean(detected), np.mean(tracks)))
    return np.array(points).reshape(-1, 3)


def slow_area(false_rate, rate):
    """The same area by a fine sum over the line that joins the points."""
    across = np.r_[0, false_rate, max(1.0, false_rate[-1]) if len(false_rate) else 1.0]
    up = np.r_[0, rate, rate[-1] if len(rate) else 0]
    total = 0.0
    for start, stop, low, high in zip(across[:-1], across[1:], up[:-1], up[1:], strict=True):
        if start >= 1 or stop == start:
            continue
        end = min(stop, 1.0)
        at = low + (high - low) * (end - start) / (stop - start)
        total += (end - start) * (low + at) / 2
    return total


def some_regions(rng, count, frames, values):
    corner = rng.integers(0, 8, (count, 2))
    box = np.c_[corner, corner + rng.integers(1, 6, (count, 2))].astype(float)
    return Regions(rng.integers(0, frames, count), box, values(count))


@given(st.integers(0, 10**6), st.integers(0, 12), st.integers(1, 10), st.sampled_from([0.1, 0.3, 1.0]))
@settings(max_examples=80, deadline=None)
def test_the_curve_equals_the_definition_at_every_threshold(seed, count, annotated, share):
    rng = np.random.default_rng(seed)
    found = some_regions(rng, count, 4, lambda size: rng.integers(1, 5, size) / 4)
    true = some_regions(rng, annotated, 4, lambda size: rng.integers(0, 3, size))
    curve = curve_of_boxes(found, true, num_frames=4, alpha=share, beta=share)
    slow = slow_points(found, true, num_frames=4, alpha=share, beta=share)
    np.testing.assert_allclose(np.stack(list(vars(curve).values()), axis=1), slow, atol=1e-12)
    for name, column in (("rbdc", 1), ("tbdc", 2)):
        expected = slow_area(slow[:, 0], slow[:, column])
        assert curve.measures()[name].value == pytest.approx(expected, abs=1e-12)


def test_iou_counts_pixels():
    rng = np.random.default_rng(0)
    first, second = (some_regions(rng, 20, 1, np.ones) for _ in range(2))
    expected = [[iou(a, b) for b in second.box] for a in first.box]
    np.testing.assert_allclose(box_iou(first.box, second.box), expected, atol=1e-12)


def test_perfect_regions_have_one_and_no_region_has_nothing():
    true = Regions(np.array([0, 1]), np.array([[0, 0, 4, 4], [2, 2, 6, 6]], float), np.array([0, 0]))
    perfect = Regions(true.frame, true.box, np.array([0.9, 0.4]))
    assert {m.value for m in curve_of_boxes(perfect, true, num_frames=5).measures().values()} == {1.0}
    nothing = Regions(np.zeros(0, int), np.zeros((0, 4)), np.zeros(0))
    assert {m.value for m in curve_of_boxes(nothing, true, num_frames=5).measures().values()} == {0.0}


def test_area_stops_at_one_false_region_a_frame_and_keeps_the_last_rate():
    # to (0.5, 1/2), then half of the way to (1.5, 1): at 1 the rate is 3/4
    area = area_to_one(np.array([0.5, 1.5]), np.array([0.5, 1.0])).value
    assert area == pytest.approx(0.5 * 0.5 / 2 + 0.5 * (0.5 + 0.75) / 2)
    assert area_to_one(np.array([0.0]), np.array([0.4])).value == pytest.approx(0.4)


def test_a_region_of_a_map_is_the_box_of_touching_pixels():
    mask = np.zeros((2, 6, 8), bool)
    mask[1, 1, 2] = mask[1, 2, 3] = True  # touch at a corner
    mask[1, 5, 7] = True
    found = regions_of_maps(mask)
    assert found.frame.tolist() == [1, 1]
    assert found.box.tolist() == [[2, 1, 4, 3], [7, 5, 8, 6]]


def test_maps_that_draw_boxes_apart_have_the_curve_of_the_boxes():
    rng = np.random.default_rng(3)
    maps = np.zeros((6, 40, 40))
    frame, box, value = [], [], []
    for index in range(6):
        for place in range(3):  # in columns that never touch
            top, score = int(rng.integers(0, 30)), rng.integers(1, 6) / 5
            left = 13 * place
            maps[index, top : top + 8, left : left + 10] = score
            frame.append(index)
            box.append((left, top, left + 10, top + 8))
            value.append(score)
    found = Regions(np.array(frame), np.array(box, float), np.array(value))
    true = Regions(found.frame[::4], found.box[::4] + 2, np.arange(len(found.frame[::4])) % 2)
    curve = curve_of_counts([RegionCounts.of_maps(maps, true, thresholds=[0.2, 0.4, 0.6, 0.8, 1.0])])
    boxes = curve_of_boxes(found, true, num_frames=6)
    for ours, theirs in zip(vars(curve).values(), vars(boxes).values(), strict=True):
        np.testing.assert_allclose(ours, theirs, atol=1e-12)


def nothing():
    return Regions(np.zeros(0, int), np.zeros((0, 4)), np.zeros(0))


def test_counts_of_parts_add_up_and_frames_may_share_a_map():
    rng = np.random.default_rng(5)
    maps, levels = rng.random((4, 12, 12)).round(1), [0.3, 0.6, 0.9]
    true = some_regions(rng, 5, 4, lambda size: rng.integers(0, 2, size))
    true = Regions(np.sort(true.frame), true.box, true.value)
    whole = curve_of_counts([RegionCounts.of_maps(maps, true, thresholds=levels)])
    split = []
    for part in (slice(0, 2), slice(2, 4)):
        own = (true.frame >= part.start) & (true.frame < part.stop)
        # a track of one part is another one in the other, as the tracks of two videos are
        regions = Regions(true.frame[own] - part.start, true.box[own], true.value[own] + 10 * part.start)
        split.append(RegionCounts.of_maps(maps[part], regions, thresholds=levels))
    together = curve_of_counts(split)
    np.testing.assert_allclose(together.false_rate, whole.false_rate)
    np.testing.assert_allclose(together.region_rate, whole.region_rate)
    twice = curve_of_counts(split, np.array([2, 1]))
    again = curve_of_counts([split[0], *split])
    for one, other in zip(vars(twice).values(), vars(again).values(), strict=True):
        np.testing.assert_allclose(one, other)
    shown = np.array([0, 0, 1, 2, 3, 3, 3])
    late = Regions(true.frame + 3, true.box, true.value)
    shared, written = (
        RegionCounts.of_maps(rows, late, thresholds=levels, shown=places)
        for rows, places in ((maps, shown), (maps[shown], None))
    )
    for one, other in zip(vars(shared).values(), vars(written).values(), strict=True):
        np.testing.assert_array_equal(one, other)


def test_wrong_regions_are_refused():
    good = Regions(np.array([0]), np.array([[0.0, 0, 1, 1]]), np.array([1]))
    with pytest.raises(ValueError, match="ends before it begins"):
        Regions(np.array([0]), np.array([[3.0, 0, 1, 1]]), np.array([1]))
    with pytest.raises(ValueError, match="1 frame numbers with boxes"):
        Regions(np.array([0]), np.zeros((2, 4)), np.array([1]))
    with pytest.raises(ValueError, match="in frames 0 to 0 of 0"):
        curve_of_boxes(good, good, num_frames=0)
    with pytest.raises(ValueError, match="no region is annotated"):
        curve_of_boxes(good, Regions(np.zeros(0, int), np.zeros((0, 4)), np.zeros(0)), num_frames=1)
    with pytest.raises(ValueError, match="expected"):
        RegionCounts.of_maps(np.zeros((2, 2)), good, thresholds=[0.5])
    with pytest.raises(ValueError, match="no region is annotated"):
        curve_of_counts([RegionCounts.of_maps(np.zeros((1, 2, 2)), nothing(), thresholds=[0.5])])
