"""Measures at a threshold: counted frame by frame, and with every draw of videos by repeating the videos."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import accuracy_score, f1_score, jaccard_score, precision_score, recall_score

from score.metrics import (
    Ratio,
    decision_ratios,
    decisions,
    false_alarms,
    mean_ratio,
    temporal_iou,
    undefined,
)  # fmt: skip
from score.metrics.bootstrap import draw_weights

videos = st.lists(
    st.lists(st.tuples(st.integers(0, 1), st.integers(0, 4)), min_size=1, max_size=12), min_size=1, max_size=6
)


def split(rows):
    labels = [np.array(video)[:, 0] for video in rows]
    return labels, [np.array(video)[:, 1] / 4 for video in rows]


@given(videos, st.sampled_from([0.0, 0.3, 0.5, 1.0, 1.1]))
@settings(max_examples=100, deadline=None)
def test_decisions_equal_scikit_learn_on_the_pooled_frames(rows, threshold):
    labels, scores = split(rows)
    found = decision_ratios(decisions(labels, scores, threshold))
    truth, alarms = np.concatenate(labels), np.concatenate(scores) >= threshold
    for name, reference, none in (
        ("precision", precision_score, not alarms.any()),
        ("recall", recall_score, not truth.any()),
        ("f1", f1_score, not alarms.any() and not truth.any()),
        ("accuracy", accuracy_score, False),
    ):
        value = found[name].measure().value
        if none:
            assert value is None and found[name].measure().reason, name
        else:
            options = {} if name == "accuracy" else {"zero_division": 0}
            assert value == pytest.approx(reference(truth, alarms, **options), abs=1e-12), name


@given(videos)
@settings(max_examples=50, deadline=None)
def test_temporal_iou_is_the_mean_jaccard_index_of_anomalous_videos(rows):
    labels, scores = split(rows)
    anomalous = np.array([frames.any() for frames in labels])
    found = temporal_iou(decisions(labels, scores, 0.5), anomalous).measure()
    each = [jaccard_score(f, v >= 0.5) for f, v, flag in zip(labels, scores, anomalous, strict=True) if flag]
    if each:
        assert found.value == pytest.approx(np.mean(each), abs=1e-12)
    else:
        assert found.value is None and "no anomalous video" in found.reason


@pytest.mark.parametrize("name", ["precision", "recall", "f1", "accuracy"])
def test_every_draw_equals_repeating_the_videos(name):
    rng = np.random.default_rng(0)
    labels = [rng.integers(0, 2, 9) for _ in range(5)]
    scores = [rng.random(9) for _ in range(5)]
    weights = draw_weights(5, resamples=20, seed=1)
    draws = decision_ratios(decisions(labels, scores, 0.6))[name].draws(weights)
    for row, value in zip(weights, draws, strict=True):
        chosen = np.repeat(np.arange(5), row)
        again = decisions([labels[i] for i in chosen], [scores[i] for i in chosen], 0.6)
        assert value == pytest.approx(decision_ratios(again)[name].measure().value, abs=1e-12)


def test_a_draw_without_a_denominator_is_not_a_number():
    ratio = Ratio(np.array([1.0, 0.0]), np.array([2.0, 0.0]), "none")
    assert ratio.measure().value == 0.5
    np.testing.assert_array_equal(ratio.draws(np.array([[1, 1], [0, 2]])), [0.5, np.nan])
    assert undefined("why", 3).measure() == Ratio(np.zeros(3), np.zeros(3), "why").measure()


def test_false_alarms_are_those_of_normal_videos_and_need_scores_that_the_threshold_is_for():
    scores, anomalous = [np.array([0.2, 0.6]), np.array([0.9])], np.array([False, True])
    assert false_alarms(scores, anomalous, threshold=0.6).measure().value == 0.5
    assert false_alarms(scores, anomalous, threshold=0.7).measure().value == 0.0
    wide = [values * 10 for values in scores]
    assert "[0, 1]" in false_alarms(wide, anomalous, threshold=0.5).measure().reason
    assert false_alarms(wide, anomalous, threshold=6.0, assumed=False).measure().value == 0.5
    assert false_alarms(scores[1:], anomalous[1:], threshold=0.5).measure().value is None


def test_a_mean_over_videos_leaves_out_those_without_a_number():
    assert mean_ratio([0.0, None, 1.0], "none").measure().value == 0.5
    assert mean_ratio([None], "none").measure().reason == "none"
