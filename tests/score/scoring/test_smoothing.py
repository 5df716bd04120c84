"""Laws of smoothing: what each must keep, what it may look at, and the formulas."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from score.scoring.smoothing import CANDIDATES, Smoothing

every = pytest.mark.parametrize("smoothing", CANDIDATES, ids=str)
rows = st.lists(st.floats(0, 1), min_size=1, max_size=40).map(np.array)


@every
@given(scores=rows)
@settings(max_examples=25, deadline=None)
def test_smoothing_keeps_length_and_range(smoothing, scores):
    found = smoothing(scores)
    assert found.shape == scores.shape
    assert scores.min() <= found.min() and found.max() <= scores.max()


@every
def test_equal_scores_stay_and_no_score_stays_none(smoothing):
    np.testing.assert_allclose(smoothing(np.full(30, 0.3)), 0.3, atol=1e-15)
    assert len(smoothing(np.zeros(0))) == 0


@pytest.mark.parametrize("past", [0.0, 0.5, 0.9])
def test_the_exponential_mean_equals_its_recursion(past):
    scores = np.random.default_rng(0).random(50)
    expected, before = [], scores[0]
    for score in scores:
        before = past * before + (1 - past) * score
        expected.append(before)
    np.testing.assert_allclose(Smoothing("ema", past)(scores), expected, atol=1e-12)


def test_only_the_exponential_mean_is_causal():
    scores = np.random.default_rng(1).random(40)
    other = np.r_[scores[:20], 1 - scores[20:]]
    for smoothing in CANDIDATES:
        same = np.array_equal(smoothing(scores)[:20], smoothing(other)[:20])
        assert same == (smoothing.kind in ("none", "ema")), smoothing


@pytest.mark.parametrize("deviation", [0.5, 2.0, 30.0])
def test_the_gaussian_mean_equals_a_weighted_sum_inside_the_video(deviation):
    scores = np.random.default_rng(2).random(25)
    place = np.arange(25)
    distance = place[:, None] - place
    weights = np.exp(-0.5 * (distance / deviation) ** 2) * (abs(distance) <= np.ceil(4 * deviation))
    expected = (weights * scores).sum(axis=1) / weights.sum(axis=1)
    np.testing.assert_allclose(Smoothing("gaussian", deviation)(scores), expected, atol=1e-12)


def test_the_median_drops_a_lone_peak_and_keeps_a_step():
    scores = np.array([0, 0, 1, 0, 0, 0, 1, 1, 1, 1.0])
    assert Smoothing("median", 3)(scores).tolist() == [0, 0, 0, 0, 0, 0, 1, 1, 1, 1]
    assert Smoothing("median", 99)(np.array([0.2, 0.9, 0.8])).shape == (3,)  # longer than the video


@pytest.mark.parametrize("text", ["none", "ema:0.9", "gaussian:2", "median:5", "gaussian:0.5"])
def test_a_smoothing_is_written_as_it_is_read(text):
    assert str(Smoothing.parse(text)) == text


@pytest.mark.parametrize(
    "text, message",
    [
        ("mean:3", "unknown smoothing 'mean'"),
        ("ema", "wrong strength"),
        ("ema:1", "wrong strength"),
        ("ema:x", "'x' is not a number"),
        ("median:4", "odd number"),
        ("median:2.5", "odd number"),
        ("gaussian:0", "S > 0"),
        ("gaussian:inf", "S > 0"),
        ("none:3", "wrong strength"),
        ("", "unknown smoothing ''"),
    ],
)
def test_a_wrong_smoothing_is_refused_in_a_line(text, message):
    with pytest.raises(ValueError, match=message) as caught:
        Smoothing.parse(text)
    assert str(caught.value).startswith(f"--smooth {text}:") and "\n" not in str(caught.value)
