"""Thresholds: each rule does to the validation scores what it says, and nothing is chosen without them."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import f1_score

from score.metrics.thresholds import (
    HALF,
    ThresholdRule,
    ValidationScores,
    above_percentile,
    mixture_threshold,
)


def validation(seed=0, videos=12, spans=False):
    rng = np.random.default_rng(seed)
    anomalous = np.arange(videos) % 2 == 1
    frames, labels = [], []
    for flag in anomalous:
        scores, label = rng.random(60) * 0.6, np.zeros(60, np.uint8)
        if flag:
            scores[20:40] += 0.3
            label[20:40] = 1
        frames.append(scores)
        labels.append(label)
    video_score = 0.3 * anomalous + 0.7 * rng.random(videos)
    return ValidationScores(anomalous, video_score, tuple(frames), tuple(labels) if spans else None)


@given(st.lists(st.integers(0, 6), min_size=1, max_size=40), st.sampled_from([0, 37.5, 50, 90, 99, 100]))
@settings(max_examples=150)
def test_no_more_than_the_share_reaches_a_percentile_and_no_lower_threshold_does(scores, percentile):
    scores = np.array(scores) / 6
    threshold, allowed = above_percentile(scores, percentile), 1 - percentile / 100
    assert np.mean(scores >= threshold) <= allowed + 1e-12
    lower = np.nextafter(threshold, -np.inf)  # the highest score that does not reach it
    if percentile < 100:
        assert np.sum(scores >= lower) > np.floor(allowed * (len(scores) - 1))


def test_percentile_counts_the_frames_and_videos_of_normal_videos_only():
    scores = validation()
    found = ThresholdRule.parse("percentile:90").choose([scores])
    assert np.mean(scores.normal_frames >= found.frame[0]) == pytest.approx(0.1, abs=0.01)
    assert found.video[0] > np.sort(scores.video_score[~scores.anomalous])[-2]
    only = ValidationScores(np.array([True]), np.ones(1), (np.ones(3),))
    with pytest.raises(ValueError, match="percentile:90: no validation video is normal"):
        ThresholdRule.parse("percentile:90").choose([only])


def test_best_f1_without_spans_is_about_whole_videos():
    scores = validation()
    found = ThresholdRule.parse("best-f1").choose([scores])
    for threshold, values in ((found.frame[0], scores.peak), (found.video[0], scores.video_score)):
        best = max(f1_score(scores.anomalous, values >= limit) for limit in values)
        assert f1_score(scores.anomalous, values >= threshold) == pytest.approx(best)
    assert found.source == "12 validation videos"


def test_best_f1_with_spans_is_about_frames():
    scores = validation(spans=True)
    found = ThresholdRule.parse("best-f1").choose([scores])
    label, values = np.concatenate(scores.label), np.concatenate(scores.frame_score)
    best = max(f1_score(label, values >= limit) for limit in np.unique(values)[::7])
    assert f1_score(label, values >= found.frame[0]) >= best
    assert found.video == ThresholdRule.parse("best-f1").choose([validation()]).video
    assert "by their spans" in found.source


def test_a_mixture_is_cut_where_both_groups_are_equally_likely():
    rng = np.random.default_rng(0)
    scores = np.r_[rng.normal(0.2, 0.05, 6000), rng.normal(0.7, 0.05, 6000)]
    assert mixture_threshold(scores) == pytest.approx(0.45, abs=0.01)  # same size and width: halfway
    # three times as many low ones: shifted by variance / distance * log 3
    scores = np.r_[rng.normal(0.2, 0.05, 9000), rng.normal(0.7, 0.05, 3000)]
    assert mixture_threshold(scores) == pytest.approx(0.45 + 0.0025 / 0.5 * np.log(3), abs=0.01)
    moved = mixture_threshold(scores * 1000 - 50)
    assert moved == pytest.approx(mixture_threshold(scores) * 1000 - 50, abs=0.1)
    with pytest.raises(ValueError, match="all validation scores are equal"):
        mixture_threshold(np.full(9, 0.4))


@pytest.mark.parametrize("seed", range(4))
def test_one_group_is_not_cut_in_the_middle(seed):
    scores = np.random.default_rng(seed).normal(0.5, 0.05, 2000)
    assert mixture_threshold(scores) == pytest.approx(scores.mean() + 2.326 * scores.std(), rel=1e-3)
    assert 0.002 < (scores >= mixture_threshold(scores)).mean() < 0.02


def test_a_mixture_does_not_look_at_labels():
    scores = validation()
    other = ValidationScores(~scores.anomalous, scores.video_score, scores.frame_score)
    rule = ThresholdRule.parse("gmm")
    assert rule.choose([scores]) == rule.choose([other])


def test_every_seed_has_its_own_threshold_and_a_fixed_one_is_for_all():
    rule = ThresholdRule.parse("best-f1")
    both = rule.choose([validation(0), validation(1)])
    assert both.of_seed(0) == rule.choose([validation(0)]).of_seed(0)
    assert both.of_seed(1) == rule.choose([validation(1)]).of_seed(0) != both.of_seed(0)
    fixed = ThresholdRule.parse("fixed:0.3").choose([])
    assert fixed.of_seed(7) == (0.3, 0.3) and not fixed.assumed and HALF.assumed


@pytest.mark.parametrize("text", ["fixed:0.5", "percentile:99", "gmm", "best-f1"])
def test_a_rule_is_written_as_it_is_read(text):
    rule = ThresholdRule.parse(text)
    assert str(rule) == text and rule.needs_validation == (text != "fixed:0.5")


@pytest.mark.parametrize(
    "text", ["", "fixed", "fixed:", "fixed:nan", "percentile:101", "gmm:3", "f1", "best-f1:1"]
)
def test_a_wrong_rule_is_refused_in_a_line(text):
    with pytest.raises(ValueError, match="^--threshold ") as caught:
        ThresholdRule.parse(text)
    assert "\n" not in str(caught.value)
