"""Classes of videos against scikit-learn, and the report over seeds."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import (
    accuracy_score,
    f1_score,
    precision_recall_fscore_support,
)
from sklearn.metrics import (
    confusion_matrix as reference_matrix,
)

from data_lists import Video
from score.evaluation.class_detection import class_detection, class_events
from score.evaluation.class_rows import class_report
from score.evaluation.evaluation import ScoredVideo
from score.metrics import class_accuracy, class_rates, confusion_matrix, macro_f1
from score.metrics.classes import video_class_probability


@given(st.lists(st.tuples(st.integers(0, 4), st.integers(0, 4)), min_size=1, max_size=30))
@settings(max_examples=80, deadline=None)
def test_class_measures_equal_scikit_learn(rows):
    true, called = np.array(rows).T
    matrix = confusion_matrix(true, called, num_classes=5)
    np.testing.assert_array_equal(matrix, reference_matrix(true, called, labels=range(5)))
    assert class_accuracy(matrix).value == pytest.approx(accuracy_score(true, called), abs=1e-12)
    assert macro_f1(matrix).value == pytest.approx(
        f1_score(true, called, average="macro", zero_division=0), abs=1e-12
    )
    *expected, support = precision_recall_fscore_support(true, called, labels=range(5), zero_division=0)
    for name, values in zip(("precision", "recall", "f1"), expected, strict=True):
        for ours, theirs in zip(class_rates(matrix)[name], values, strict=True):
            assert ours == pytest.approx(theirs, abs=1e-12) if ours is not None else theirs == 0
    for place, recall in enumerate(class_rates(matrix)["recall"]):
        assert (recall is None) == (support[place] == 0)


def test_no_video_has_no_class_measure_and_unknown_classes_are_refused():
    nothing = confusion_matrix(np.zeros(0), np.zeros(0), num_classes=3)
    assert class_accuracy(nothing).value is None and macro_f1(nothing).value is None
    with pytest.raises(ValueError, match="classes are 0 to 3, expected 0 to 2"):
        confusion_matrix(np.array([0, 3]), np.array([0, 1]), num_classes=3)
    with pytest.raises(ValueError, match="shape"):
        confusion_matrix(np.array([0, 1]), np.array([0]), num_classes=3)


def called(name, event_class, *rows):
    frames = np.zeros((len(rows), 2))
    probability = None if rows[0] is None else np.array(rows, dtype=float)
    return ScoredVideo(
        Video(name, event_class), None, frames, np.zeros(len(rows)), class_probability=probability
    )


def test_the_report_sums_seeds_and_names_classes_that_only_the_test_has():
    videos = [
        called("a", "Fight", [0.1, 0.9], [0.8, 0.2]),
        called("b", "Normal", [0.7, 0.3], [0.9, 0.1]),
        called("c", "Arson", [0.4, 0.6], [0.6, 0.4]),
        called("d", "Normal", None, None),
    ]
    report, summaries = class_report(videos, ("Normal", "Fight"))
    assert report.event_classes == ("Normal", "Fight", "Arson")
    assert report.confusion.tolist() == [[4, 0, 0], [1, 1, 0], [1, 1, 0]]
    assert summaries["class_accuracy"].per_seed == (3 / 4, 2 / 4)
    assert report.recall == (1.0, 0.5, 0.0) and report.precision[2] is None


def test_a_video_has_the_classes_of_its_least_normal_segments():
    segments = np.array([[0.9, 0.1, 0.0]] * 6 + [[0.2, 0.2, 0.6], [0.1, 0.0, 0.9]])
    np.testing.assert_allclose(video_class_probability(segments), [0.15, 0.1, 0.75])
    np.testing.assert_allclose(video_class_probability(segments[:1]), segments[0])


def with_events(name, event_class, span, **peaks):
    """A video of 200 frames; peaks: class -> where its probability is 0.9, else 0.05."""
    label = np.zeros(200, np.uint8)
    label[slice(*span)] = 1
    probability = np.full((3, 200), 0.05)
    for row, place in peaks.items():
        probability[("Normal", "Fight", "Arson").index(row), slice(*place)] = 0.9
    return ScoredVideo(
        Video(name, event_class), label, np.zeros((1, 200)), np.zeros(1),
        class_probability=probability.mean(axis=1)[None], class_events=(class_events(probability),),
    )  # fmt: skip


def test_a_detection_counts_for_its_own_class_only():
    videos = [
        with_events("a", "Fight", (40, 120), Fight=(40, 120)),
        with_events("b", "Arson", (40, 120), Fight=(40, 120)),  # taken for another class
        with_events("c", "Normal", (0, 0)),
    ]
    found = class_detection(videos, ("Normal", "Fight", "Arson"))
    # Fight: the right one is tied with the false one: 1/2. Arson: nothing.
    assert found["class_map_tiou_0.5"].per_seed == (pytest.approx((1 / 2 + 0) / 2),)
    videos[1] = with_events("b", "Arson", (40, 120), Arson=(80, 120))
    found = class_detection(videos, ("Normal", "Fight", "Arson"))
    assert found["class_map_tiou_0.5"].per_seed == (1.0,)  # tIoU is 1/2: just enough
    # a class that training did not know
    assert class_detection(videos, ("Normal", "Fight"))["class_map_tiou"].per_seed == (0.5,)
    assert class_detection(videos[2:], ("Normal", "Fight")) == {}
