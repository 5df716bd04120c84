"""Laws of the interval over videos: the same numbers as drawing and ranking the videos one by one."""

import numpy as np
import pytest
from sklearn.metrics import average_precision_score, roc_auc_score

from score.metrics import Curve, bootstrap
from score.metrics.bootstrap import Counts, draw_measures, draw_weights, interval


def some_videos(count=7, frames=30, levels=8, seed=0):
    rng = np.random.default_rng(seed)
    labels = [rng.integers(0, 2, frames) * (index % 2) for index in range(count)]
    scores = [rng.integers(0, levels, frames) / levels for _ in range(count)]
    return labels, scores


@pytest.mark.parametrize("at_once", [(256, 1024), (3, 7)], ids=["together", "in blocks"])
@pytest.mark.parametrize("levels", [1, 8, 10**6])
def test_every_draw_equals_repeating_the_videos(levels, at_once, monkeypatch):
    monkeypatch.setattr(bootstrap, "ROWS_AT_ONCE", at_once[0])
    monkeypatch.setattr(bootstrap, "DRAWS_AT_ONCE", at_once[1])
    labels, scores = some_videos(levels=levels)
    weights = draw_weights(7, resamples=40, seed=3)
    found = draw_measures(Counts.of(labels, scores), weights)
    for index, counts in enumerate(weights):
        chosen = np.repeat(np.arange(7), counts)
        truth, values = (
            np.concatenate([labels[i] for i in chosen]),
            np.concatenate([scores[i] for i in chosen]),
        )
        if not truth.any():
            assert all(np.isnan(values[index]) for values in vars(found).values())
            continue
        curve = Curve.of(truth, values)
        for name, expected in (
            ("ap_trapezoid", curve.average_precision_trapezoid()),
            ("eer", curve.equal_error_rate()),
            ("precision_at_positives", curve.precision_at(curve.positives)),
        ):
            assert getattr(found, name)[index] == pytest.approx(expected.value, abs=1e-12), name
        assert found.auc[index] == pytest.approx(roc_auc_score(truth, values), abs=1e-12)
        assert found.ap[index] == pytest.approx(average_precision_score(truth, values), abs=1e-12)


@pytest.mark.parametrize("chosen", [[1, 3, 5], [0, 1, 2, 6], [4]])
def test_counts_among_some_videos_are_the_counts_of_these(chosen):
    labels, scores = some_videos()
    flags = np.isin(np.arange(7), chosen)
    weights = draw_weights(len(chosen), resamples=20, seed=1)
    among = draw_measures(Counts.of(labels, scores).among(flags), weights)
    alone = draw_measures(Counts.of([labels[i] for i in chosen], [scores[i] for i in chosen]), weights)
    for name, values in vars(alone).items():
        np.testing.assert_allclose(getattr(among, name), values, rtol=0, atol=1e-12, err_msg=name)


def test_a_weight_of_one_each_is_the_data_themselves():
    labels, scores = some_videos()
    found = draw_measures(Counts.of(labels, scores), np.ones((1, 7)))
    assert found.auc[0] == pytest.approx(roc_auc_score(np.concatenate(labels), np.concatenate(scores)))


def test_a_weight_of_zero_leaves_a_video_out():
    labels, scores = some_videos()
    found = draw_measures(Counts.of(labels, scores), np.array([[1, 1, 1, 0, 0, 1, 1]]))
    without = draw_measures(Counts.of(labels[:3] + labels[5:], scores[:3] + scores[5:]), np.ones((1, 5)))
    assert found.auc[0] == pytest.approx(without.auc[0]) and found.ap[0] == pytest.approx(without.ap[0])


def test_a_draw_of_one_class_is_not_a_number_and_is_left_out():
    labels, scores = [np.zeros(3, int), np.ones(3, int)], [np.zeros(3), np.ones(3)]
    found = draw_measures(Counts.of(labels, scores), np.array([[2, 0], [0, 2], [1, 1], [1, 1]]))
    assert np.isnan(found.auc).tolist() == [True, True, False, False]
    assert interval(found.auc) == (1.0, 1.0)
    assert interval(np.array([np.nan, np.nan, 0.5])) is None and interval(np.zeros(0)) is None


def test_no_anomalous_frame_and_no_video_are_not_numbers():
    nothing = draw_measures(Counts.of([np.zeros(4, int)], [np.zeros(4)]), np.ones((2, 1)))
    assert np.isnan(nothing.auc).all() and np.isnan(nothing.ap).all()
    assert np.isnan(draw_measures(Counts.of([], []), np.zeros((2, 0))).auc).all()


def test_draws_are_seeded_and_draw_every_video_equally_often():
    first, again, other = (draw_weights(50, resamples=400, seed=seed) for seed in (1, 1, 2))
    assert np.array_equal(first, again) and not np.array_equal(first, other)
    assert (first.sum(axis=1) == 50).all()
    # a video is in a draw Binomial(50, 1/50) times: mean 1, variance 0.98
    assert abs(first.mean(axis=0) - 1).max() < 5 * np.sqrt(0.98 / 400)
    assert first.var() == pytest.approx(0.98, abs=0.05)


def test_the_interval_is_wider_over_videos_than_over_frames():
    rng = np.random.default_rng(0)
    labels = [np.full(100, index % 2) for index in range(20)]
    scores = [np.full(100, rng.normal() + index % 2) for index in range(20)]
    low, high = interval(
        draw_measures(Counts.of(labels, scores), draw_weights(20, resamples=500, seed=0)).auc
    )
    frames = Counts.of(
        [[label] for label in np.concatenate(labels)], [[score] for score in np.concatenate(scores)]
    )
    narrow = interval(draw_measures(frames, draw_weights(2000, resamples=100, seed=0)).auc)
    assert high - low > 5 * (narrow[1] - narrow[0])
