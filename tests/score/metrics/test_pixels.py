"""The pixel-level criterion against trying every threshold on every frame."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import auc

from score.metrics import PixelFrames, map_of_boxes, pixel_measures


def slow_pixel_auc(maps, masks, share=0.4):
    """True and false positive rates at every threshold, frame by frame, pixel by pixel."""
    points = [(0.0, 0.0)]
    anomalous = masks.any(axis=(1, 2))
    for threshold in np.unique(maps)[::-1]:
        hits = sum(
            np.mean(values[mask == 1] >= threshold) >= share
            for values, mask in zip(maps, masks, strict=True)
            if mask.any()
        )
        false = sum(
            (values >= threshold).any() for values, mask in zip(maps, masks, strict=True) if not mask.any()
        )
        points.append((false / np.sum(~anomalous), hits / np.sum(anomalous)))
    return auc(*np.array(points).T)


@given(st.integers(0, 10**6), st.integers(2, 9), st.integers(1, 5), st.integers(1, 6), st.integers(1, 5))
@settings(max_examples=60, deadline=None)
def test_pixel_auc_equals_trying_every_threshold(seed, frames, height, width, levels):
    rng = np.random.default_rng(seed)
    maps = rng.integers(0, levels + 1, (frames, height, width)) / levels
    masks = (rng.random(maps.shape) < 0.5) & (rng.random(frames) < 0.5)[:, None, None]
    found = pixel_measures([PixelFrames.of(maps[:1], masks[:1]), PixelFrames.of(maps[1:], masks[1:])])[
        "pixel_auc"
    ]
    if masks.any(axis=(1, 2)).all() or not masks.any():
        assert found.value is None and found.reason
    else:
        assert found.value == pytest.approx(slow_pixel_auc(maps, masks), abs=1e-12)


def test_four_of_ten_pixels_are_enough_and_three_are_not():
    masks = np.ones((1, 2, 5), int)
    for count, score in ((4, 0.8), (3, 0.1)):
        maps = np.full((1, 2, 5), 0.1)
        maps.reshape(-1)[:count] = 0.8
        assert PixelFrames.of(maps, masks).score.tolist() == [score]


def test_a_share_that_floats_cannot_hold_is_no_pixel_more():
    assert 0.07 * 100 > 7
    for share, size in ((0.4, 35), (0.07, 100)):
        maps = np.zeros((1, 1, size))
        maps[0, 0, : round(share * size)] = 1.0
        assert PixelFrames.of(maps, np.ones_like(maps, int), share=share).score.tolist() == [1.0], share


def test_a_normal_frame_is_as_false_as_its_highest_pixel():
    maps = np.zeros((1, 3, 3))
    maps[0, 2, 2] = 0.7
    found = PixelFrames.of(maps, np.zeros_like(maps, int))
    assert (found.label.tolist(), found.score.tolist()) == ([0], [0.7])


@pytest.mark.parametrize(
    "maps, masks, message",
    [
        (np.zeros((2, 3)), np.zeros((2, 3)), "expected the same"),
        (np.zeros((1, 2, 2)), np.zeros((1, 2, 3)), "expected the same"),
        (np.zeros((1, 2, 2)), np.full((1, 2, 2), 255), "masks must be 0 or 1"),
        (np.full((1, 2, 2), np.nan), np.zeros((1, 2, 2)), "NaN"),
    ],
)
def test_wrong_maps_are_refused(maps, masks, message):
    with pytest.raises(ValueError, match=message):
        pixel_measures([PixelFrames.of(maps, masks)])


def test_boxes_draw_the_highest_score_and_stop_at_the_picture():
    drawn = map_of_boxes(np.array([[0, 0, 2, 2], [1, 1, 9, 9]]), np.array([0.5, 0.3]), height=3, width=4)
    assert drawn.tolist() == [[0.5, 0.5, 0, 0], [0.5, 0.5, 0.3, 0.3], [0, 0.3, 0.3, 0.3]]
    assert not map_of_boxes(np.zeros((0, 4)), np.zeros(0), height=2, width=2).any()
    with pytest.raises(ValueError, match="more than 0"):
        map_of_boxes(np.array([[0, 0, 2, 2]]), np.array([0.0]), height=3, width=4)
    with pytest.raises(ValueError, match="1 boxes with 2 scores"):
        map_of_boxes(np.array([[0, 0, 2, 2]]), np.array([0.1, 0.2]), height=3, width=4)
