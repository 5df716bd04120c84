"""Metrics against formulas of another kind: pairs counted one by one, precision worked out by hand."""

import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import auc as area
from sklearn.metrics import (
    average_precision_score,
    f1_score,
    precision_recall_curve,
    roc_auc_score,
    roc_curve,
)

from data_lists import frame_labels, load_split
from score.metrics import (
    Curve,
    Ranked,
    average_precision,
    average_precision_trapezoid,
    equal_error_rate,
    false_alarm_rate,
    frame_measures,
    oracle_measures,
    own_measures,
    pairwise_accuracy,
    precision_at,
    roc_auc,
    roc_points,
    video_measures,
)

labelled = st.lists(st.tuples(st.integers(0, 1), st.integers(0, 5)), min_size=1, max_size=40)


def counted_auc(labels, scores):
    wins = [(p > n) + (p == n) / 2 for p in scores[labels == 1] for n in scores[labels == 0]]
    return np.mean(wins)


def counted_ap(labels, scores):
    """Precision at every threshold, weighted by the recall it adds."""
    total, before = 0.0, 0
    for threshold in sorted(set(scores), reverse=True):
        alarms = scores >= threshold
        hits = np.count_nonzero(alarms & (labels == 1))
        total += (hits - before) * hits / np.count_nonzero(alarms)
        before = hits
    return total / np.count_nonzero(labels)


@given(labelled)
@settings(max_examples=150, deadline=None)
def test_auc_is_the_pairwise_accuracy_and_ap_the_sum_over_thresholds(rows):
    labels, scores = np.array(rows).T
    auc, ap = roc_auc(labels, scores), average_precision(labels, scores)
    if labels.min() == labels.max():
        assert auc.value is None and ap.value is None and auc.reason and ap.reason
    else:
        assert auc.value == pytest.approx(counted_auc(labels, scores), abs=1e-12)
        assert ap.value == pytest.approx(counted_ap(labels, scores), abs=1e-12)


@given(labelled)
@settings(max_examples=100, deadline=None)
def test_ranking_measures_equal_scikit_learn(rows):
    labels, scores = np.array(rows).T
    if labels.min() == labels.max():
        return
    exact = {"abs": 1e-12, "rel": 0}
    assert roc_auc(labels, scores).value == pytest.approx(roc_auc_score(labels, scores), **exact)
    assert average_precision(labels, scores).value == pytest.approx(
        average_precision_score(labels, scores), **exact
    )
    precision, recall, _ = precision_recall_curve(labels, scores)
    assert average_precision_trapezoid(labels, scores).value == pytest.approx(
        area(recall, precision), **exact
    )
    false_rate, true_rate, _ = roc_curve(labels, scores, drop_intermediate=False)
    ours = roc_points(labels, scores)
    np.testing.assert_allclose(ours[0], false_rate, atol=1e-12)
    np.testing.assert_allclose(ours[1], true_rate, atol=1e-12)


def crossing(labels, scores):
    """The false positive rate at which the ROC, as lines, meets the line of equal errors: bisection."""
    false_rate, true_rate, _ = roc_curve(labels, scores, drop_intermediate=False)
    place = np.r_[0, np.cumsum(np.hypot(np.diff(false_rate), np.diff(true_rate)))]
    low, high = 0.0, place[-1]
    for _ in range(100):
        middle = (low + high) / 2
        at = [np.interp(middle, place, rate) for rate in (false_rate, true_rate)]
        low, high = (middle, high) if sum(at) < 1 else (low, middle)
    return np.interp(low, place, false_rate)


@given(labelled)
@settings(max_examples=100, deadline=None)
def test_at_the_equal_error_rate_misses_are_as_frequent_as_false_alarms(rows):
    labels, scores = np.array(rows).T
    found = equal_error_rate(labels, scores)
    if labels.min() == labels.max():
        assert found.value is None and found.reason
    else:
        assert found.value == pytest.approx(crossing(labels, scores), abs=1e-12)


def test_equal_error_rate_worked_by_hand():
    # from (0, 1/2) at 0.8 to (1/2, 1/2) at 0.6: false alarms 1/2 = misses 1/2
    assert equal_error_rate(np.array([1, 0, 1, 0]), np.array([0.8, 0.6, 0.4, 0.2])).value == 0.5
    # one tie of all: on the diagonal
    assert equal_error_rate(np.array([1, 0, 0]), np.full(3, 0.3)).value == 0.5
    assert equal_error_rate(np.array([0, 1]), np.array([0.1, 0.9])).value == 0.0
    assert equal_error_rate(np.array([0, 1]), np.array([0.9, 0.1])).value == 1.0


@given(labelled, st.integers(1, 45))
@settings(max_examples=100, deadline=None)
def test_precision_at_k_is_the_mean_over_all_orders_of_a_tie(rows, count):
    labels, scores = np.array(rows).T
    found = precision_at(labels, scores, count)
    if count > len(labels):
        assert found.value is None and f"{len(labels)} scores" in found.reason
        return
    edge = np.sort(scores)[::-1][count - 1]
    over, tied = labels[scores > edge], labels[scores == edge]
    # of a tie every frame comes among the first with the same chance
    assert found.value == pytest.approx((over.sum() + (count - len(over)) * tied.mean()) / count, abs=1e-12)


@given(labelled)
@settings(max_examples=50, deadline=None)
def test_no_threshold_has_a_better_f1(rows):
    labels, scores = np.array(rows).T
    if not labels.any():
        return
    threshold, best = Curve.of(labels, scores).best_f1()
    tried = [f1_score(labels, scores >= limit) for limit in (*np.unique(scores), scores.min() - 1)]
    assert best == pytest.approx(max(tried), abs=1e-12)
    assert f1_score(labels, scores >= threshold) == pytest.approx(best, abs=1e-12)


def test_the_best_threshold_lies_between_scores_and_never_on_the_lower_one():
    labels = np.array([1, 1, 0])
    assert Curve.of(labels, np.array([0.9, 0.8, 0.2])).best_f1() == (0.5, 1.0)
    above = np.nextafter(0.5, 1)
    assert Curve.of(labels, np.array([0.9, above, 0.5])).best_f1() == (above, 1.0)


def test_average_precision_worked_by_hand():
    labels, scores = np.array([1, 0, 1, 0]), np.array([0.9, 0.8, 0.7, 0.1])
    # recall 1/2 at precision 1, the other half at 2/3
    assert average_precision(labels, scores).value == pytest.approx((1 + 2 / 3) / 2)
    # trapezoids: first half of recall at 1, then from (1/2, 1/2) to (1, 2/3)
    assert average_precision_trapezoid(labels, scores).value == pytest.approx(0.5 + 0.5 * (1 / 2 + 2 / 3) / 2)


def test_frame_auc_pools_the_frames_of_all_videos():
    labels = [np.array([0, 0, 1, 1]), np.array([0, 0])]
    scores = [np.array([0.1, 0.6, 0.7, 0.4]), np.array([0.2, 0.5])]
    measures = frame_measures(labels, scores, anomalous=np.array([True, False]))
    # positives 0.7 0.4, negatives 0.1 0.6 0.2 0.5: 4 + 2 of 8 pairs ranked correctly
    assert measures["frame_auc"].value == pytest.approx(6 / 8)
    # in the anomalous video alone: 0.7 beats both, 0.4 beats 0.1
    assert measures["frame_auc_abnormal"].value == pytest.approx(3 / 4)
    assert own_measures(labels, scores)[0] == [pytest.approx(3 / 4), None]
    assert false_alarm_rate(scores, np.array([True, False])).value == pytest.approx(
        1 / 2
    )  # 0.5 is an alarm, 0.2 is none


def test_all_scores_equal_is_chance():
    assert roc_auc(np.array([1, 0, 0]), np.full(3, 0.3)).value == 0.5


def test_tiny_differences_are_no_ties():
    labels, scores = np.array([1, 0]), np.array([np.nextafter(0.5, 1), 0.5])
    assert roc_auc(labels, scores).value == 1.0 and roc_auc(labels, scores[::-1]).value == 0.0


@pytest.mark.parametrize(
    "labels, reason",
    [
        ([], "nothing to rank"),
        ([1], "every label is 1"),
        ([0], "every label is 0"),
        ([0, 0], "every label is 0"),
    ],
)
def test_what_is_not_defined_is_none_with_a_reason(labels, reason):
    scores = np.linspace(0, 1, len(labels))
    for measure in (roc_auc, average_precision, average_precision_trapezoid, equal_error_rate):
        found = measure(np.array(labels, dtype=int), scores)
        assert found.value is None and reason in found.reason
    with pytest.raises(ValueError, match=reason):
        roc_points(np.array(labels, dtype=int), scores)


def test_normal_videos_alone_and_anomalous_videos_alone_give_no_number():
    for flag in (True, False):
        measures = frame_measures([np.zeros(3, int)], [np.ones(3)], anomalous=np.array([flag]))
        assert measures["frame_auc"].value is None
        assert video_measures(np.array([flag]), np.ones(1))["video_auc"].value is None
    assert "no normal video" in false_alarm_rate([np.ones(3)], np.array([True])).reason


def test_no_video_at_all_is_no_number():
    assert all(found.value is None for found in frame_measures([], [], anomalous=np.zeros(0, bool)).values())
    assert all(found.value is None for found in oracle_measures([], np.zeros(0, bool)).values())


def test_scores_outside_the_unit_interval_have_no_false_alarm_rate():
    scores = [np.array([-3.0, 9.0]), np.array([0.0])]
    assert (
        frame_measures([np.array([0, 1]), np.array([0])], scores, anomalous=np.array([True, False]))[
            "frame_auc"
        ].value
        == 1.0
    )
    assert "[0, 1]" in false_alarm_rate(scores, np.array([True, False])).reason


@pytest.mark.parametrize(
    "scores, message", [([np.nan, 1], "1 of 2 scores"), ([np.inf, 1], "infinite"), ([1], "expected the same")]
)
def test_wrong_scores_are_refused(scores, message):
    with pytest.raises(ValueError, match=message):
        roc_auc(np.array([0, 1]), np.array(scores))
    with pytest.raises(ValueError, match="0 or 1"):
        roc_auc(np.array([0, 2]), np.array([0.0, 1.0]))


def test_runs_stand_for_their_frames():
    labels, scores = np.array([0, 0, 1, 1, 1, 0]), np.array([0.5, 0.5, 0.5, 0.5, 0.7, 0.7])
    ranked = Ranked.of(labels, scores)
    assert ranked.frames.tolist() == [2, 2, 1, 1]
    assert np.array_equal(np.repeat(ranked.score, ranked.frames), scores)
    assert np.array_equal(np.repeat(ranked.label, ranked.frames), labels)


def test_the_oracle_ranks_frames_by_their_video_only():
    labels = [np.array([0, 1, 1, 0]), np.zeros(6, int), np.array([1, 0])]
    found = oracle_measures(labels, np.array([True, False, True]))
    # 3 positives against 9 negatives: 6 are in the normal video (won), 3 share the video (half)
    assert found["oracle_frame_auc"].value == pytest.approx((6 + 3 / 2) / 9)
    assert found["oracle_frame_ap"].value == pytest.approx(3 / 6)


@pytest.mark.parametrize(
    "dataset, auc, ap, frames, positives",
    [("ucf_crime", 0.8158, 0.1822, 1_111_808, 84_338), ("shanghaitech", 0.9645, None, 141_870, 7_962)],
)
def test_the_oracle_of_the_published_test_splits(dataset, auc, ap, frames, positives):
    videos = load_split(dataset, "test")
    labels = [frame_labels(video, video.num_frames) for video in videos]
    assert (sum(map(len, labels)), sum(int(each.sum()) for each in labels)) == (frames, positives)
    found = oracle_measures(labels, np.array([video.is_anomalous for video in videos]))
    assert found["oracle_frame_auc"].value == pytest.approx(auc, abs=5e-5)
    assert ap is None or found["oracle_frame_ap"].value == pytest.approx(ap, abs=5e-5)


def test_roc_points_enclose_the_area():
    rng = np.random.default_rng(0)
    labels, scores = rng.integers(0, 2, 500), rng.integers(0, 40, 500) / 40
    false_rate, true_rate = roc_points(labels, scores)
    assert (false_rate[0], true_rate[0], false_rate[-1], true_rate[-1]) == (0, 0, 1, 1)
    assert np.sum(np.diff(false_rate) * (true_rate[1:] + true_rate[:-1]) / 2) == pytest.approx(
        counted_auc(labels, scores)
    )


def test_pairwise_accuracy_says_which_video_costs():
    rng = np.random.default_rng(1)
    labels = [rng.integers(0, 2, 12), np.zeros(9, int), np.ones(5, int)]
    scores = [rng.integers(0, 6, len(frames)) / 6 for frames in labels]
    found = pairwise_accuracy(labels, scores)
    everything, values = np.concatenate(labels), np.concatenate(scores)
    for index, (frames, own) in enumerate(zip(labels, scores, strict=True)):
        wins = [(p > n) + (p == n) / 2 for p in own[frames == 1] for n in values[everything == 0]]
        wins += [(p > n) + (p == n) / 2 for p in values[everything == 1] for n in own[frames == 0]]
        assert found[index] == pytest.approx(np.mean(wins)), index
    assert pairwise_accuracy([np.zeros(3, int)], [np.zeros(3)]) == [None]


def test_importing_the_metrics_loads_no_torch():
    modules = "score.metrics, score.metrics.bootstrap, score.scoring.frame_scores"
    code = f"import sys, {modules}; print({{'torch', 'torchvision', 'decord'}} & set(sys.modules))"
    assert (
        subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout.strip() == "set()"
    )
