"""Events and detections against slow references: sets of frames, matches one by one, every cut."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from score.metrics import (
    DETECTION_OVERLAPS,
    Detections,
    EventRule,
    Events,
    detect,
    event_ratios,
    events_over,
    runs,
)
from score.metrics.bootstrap import draw_weights
from score.metrics.event_matching import highest, matched, temporal_overlap

frames = st.lists(st.integers(0, 1), min_size=0, max_size=30).map(np.array)


def slow_runs(flags):
    """Frame by frame."""
    found, start = [], None
    for place, flag in enumerate([*flags, 0]):
        if flag and start is None:
            start = place
        if not flag and start is not None:
            found.append((start, place))
            start = None
    return found


def slow_matches(spans, scores, true, tiou):
    """Each event in the order of its score takes the free true event with which it shares most frames."""
    free, hits = list(range(len(true))), set()
    for place in sorted(range(len(spans)), key=lambda index: (-scores[index], index)):
        own = set(range(*spans[place]))
        overlap = {g: len(own & set(range(*true[g]))) / len(own | set(range(*true[g]))) for g in free}
        best = max(overlap, key=lambda g: (overlap[g], -g), default=None)
        if best is not None and overlap[best] > 0 and overlap[best] >= tiou:
            hits.add(place)
            free.remove(best)
    return [index in hits for index in range(len(spans))]


@given(frames)
def test_runs_are_found_frame_by_frame(flags):
    assert [tuple(run) for run in runs(flags)] == slow_runs(flags)


@given(frames, st.integers(0, 5), st.integers(1, 6))
@settings(max_examples=200, deadline=None)
def test_events_join_over_short_gaps_and_short_ones_are_dropped(flags, gap, shortest):
    scores = np.asarray(flags, dtype=float)
    filled = list(flags)
    for start, stop in slow_runs([1 - flag for flag in flags]):
        if start > 0 and stop < len(flags) and stop - start <= gap:
            filled[start:stop] = [1] * (stop - start)
    expected = [run for run in slow_runs(filled) if run[1] - run[0] >= min(shortest, len(flags))]
    found = events_over(scores, 0.5, rule=EventRule(gap=gap, shortest=shortest))
    assert [tuple(span) for span in found.span] == expected and (found.score == 1).all()


def test_the_default_rule_by_hand():
    scores = np.zeros(200)
    scores[10:30], scores[62:70], scores[120:135] = 0.6, 0.9, 0.7  # a gap of 32 joins, 15 frames are too few
    found = events_over(scores, 0.5)
    assert found.span.tolist() == [[10, 70]] and found.score.tolist() == [0.9]
    assert events_over(np.ones(3), 0.5).span.tolist() == [[0, 3]]  # a video shorter than an event


def test_temporal_overlap_by_hand():
    overlap = temporal_overlap(np.array([[0, 4], [10, 12]]), np.array([[2, 6], [4, 10]]))
    np.testing.assert_allclose(overlap, [[2 / 6, 0], [0, 0]])


span_lists = st.lists(st.tuples(st.integers(0, 20), st.integers(1, 9)), max_size=6)


@given(span_lists, frames, st.sampled_from([0.0, 0.1, 0.3, 0.5, 1.0]), st.integers(0, 99))
@settings(max_examples=200, deadline=None)
def test_matching_equals_matching_by_sets_of_frames(found, truth, tiou, seed):
    spans = [(start, start + length) for start, length in sorted(found)]
    scores = np.random.default_rng(seed).integers(0, 3, len(spans)) / 2
    true = slow_runs(truth)
    tious = [1.0, tiou, 0.0]
    hits = matched(Events(np.array(spans).reshape(-1, 2), scores), np.array(true).reshape(-1, 2), tious)
    assert hits.tolist() == [slow_matches(spans, scores, true, each) for each in tious]


def test_an_annotated_event_is_found_once():
    labels = np.zeros(300, int)
    labels[100:200] = 1
    events = Events(np.array([[90, 150], [150, 210]]), np.array([0.6, 0.9]))
    [ratios] = event_ratios([runs(labels)], [events], [0.3])
    assert [ratios[name].measure().value for name in ("precision", "recall", "f1")] == [0.5, 1.0, 2 / 3]
    # the one with the higher score took it
    assert matched(events, np.array([[100, 200]]), [0.3]).tolist() == [[False, True]]


def test_without_events_there_is_no_precision_and_without_truth_no_recall():
    nothing = Events(np.zeros((0, 2), int), np.zeros(0))
    [ratios] = event_ratios([runs(np.array([0, 1]))], [nothing], [0.5])
    assert ratios["precision"].measure().value is None and ratios["recall"].measure().value == 0.0
    [ratios] = event_ratios([runs(np.zeros(2, int))], [nothing], [0.5])
    assert all(ratio.measure().value is None and ratio.measure().reason for ratio in ratios.values())


def test_detections_by_hand():
    scores = np.zeros(160)
    scores[20:60], scores[60:80], scores[100:120] = 0.8, 1.0, 0.5  # level 1 - 0.6 = 0.4
    found = detect(scores)
    assert found.span.tolist() == [[20, 80]]  # 20 frames are too few
    # highest score, and 0.7 of the mean of the 10 highest frames
    assert found.score.tolist() == [pytest.approx(1.0 + 0.7 * 1.0)]
    assert not len(detect(np.full(50, 0.4)).span)  # nothing stands out
    assert not len(detect(np.zeros(0)).span)


def slow_average_precision(score, hit, true):
    """Precision of all detections of at least each hit's score, summed over hits."""
    total = sum(np.mean(hit[score >= value]) for value, flag in zip(score, hit, strict=True) if flag)
    return total / true


@given(
    st.lists(st.tuples(st.integers(0, 4), st.booleans(), st.integers(0, 3)), max_size=20), st.integers(1, 9)
)
@settings(max_examples=150, deadline=None)
def test_average_precision_of_detections_equals_precision_at_every_hit(rows, missed):
    rows = sorted(rows, key=lambda row: -row[0])
    score, hit, video = (np.array([row[place] for row in rows]) for place in range(3))
    true = (
        np.bincount(video[hit.astype(bool)].astype(int), minlength=4).astype(float)
        if len(rows)
        else np.zeros(4)
    )
    true[0] += missed
    found = Detections(score.astype(float), video.astype(int), hit.astype(bool), true)
    expected = slow_average_precision(score, hit.astype(bool), true.sum())
    assert found.average_precision().value == pytest.approx(expected, abs=1e-12)


def spans_of(labels) -> list[np.ndarray]:
    return [runs(frames) for frames in labels]


def test_the_score_of_an_event_is_its_highest_frame_score():
    random = np.random.default_rng(0)
    for _ in range(50):
        scores = random.normal(size=random.integers(1, 9)).astype(np.float32)
        span = runs(random.random(len(scores)) < 0.7)
        assert highest(scores, span).tolist() == [max(scores[start:stop]) for start, stop in span]


def some_videos(count=6, seed=0):
    rng = np.random.default_rng(seed)
    labels, scores = [], []
    for index in range(count):
        frames, values = np.zeros(400, int), np.repeat(rng.random(25), 16)
        if index % 2:
            frames[100:260] = 1
            values[110:250] += 0.5
        labels.append(frames)
        scores.append(values)
    return labels, scores


def at(tiou, labels, found) -> Detections:
    """The detections of videos with these labels at one temporal IoU."""
    [detections] = Detections.of(spans_of(labels), found, [tiou])
    return detections


def test_every_draw_of_detections_equals_repeating_the_videos():
    labels, scores = some_videos()
    weights = draw_weights(6, resamples=25, seed=2)
    found = [detect(values) for values in scores]
    draws = at(0.3, labels, found).draws(weights)
    for row, value in zip(weights, draws, strict=True):
        chosen = np.repeat(np.arange(6), row)
        again = at(0.3, [labels[i] for i in chosen], [found[i] for i in chosen])
        expected = again.average_precision().value
        assert np.isnan(value) if expected is None else value == pytest.approx(expected, abs=1e-12)


def test_blocks_do_not_change_the_draws(monkeypatch):
    labels, scores = some_videos()
    detections = at(0.1, labels, [detect(values) for values in scores])
    weights = draw_weights(6, resamples=25, seed=2)
    together = detections.draws(weights)
    monkeypatch.setattr("score.metrics.event_detection.BLOCK_VALUES", 30)
    np.testing.assert_array_equal(together, detections.draws(weights))


def test_perfect_detections_have_an_average_precision_of_one_and_a_false_one_before_them_costs():
    labels, _ = some_videos()
    perfect = [detect(frames.astype(float)) for frames in labels]
    for detections in Detections.of(spans_of(labels), perfect, DETECTION_OVERLAPS):
        assert detections.average_precision().value == 1.0
    perfect[0] = Events(np.array([[0, 50]]), np.array([9.0]))
    # one false detection first: precision 1/2, 2/3, 3/4 at the three hits, which are tied: all count 3/4
    assert at(0.5, labels, perfect).average_precision().value == pytest.approx(3 / 4)


def test_without_annotated_events_there_is_no_average_precision():
    found = at(0.1, [np.zeros(99, int)], [detect(np.arange(99.0))])
    assert found.average_precision().value is None and np.isnan(found.draws(np.ones((1, 1)))).all()
