"""Online alerts against a slow reference that goes through the seconds of a video one by one."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from score.metrics.alert_curve import alert_curve, threshold_at
from score.metrics.online_alerts import (
    AlertRaiser,
    TimedScores,
    count_alerts,
    held_scores,
    match_alerts,
    merge_events,
)

levels = st.lists(st.sampled_from([0.1, 0.4, 0.6, 0.9]), min_size=1, max_size=12)
flags = st.lists(st.booleans(), min_size=1, max_size=26)


def timed(scores, *, ahead=0, length=2.0):
    """Segments of two seconds, each known `ahead` segments late, or when the video ends."""
    count = len(scores)
    start = np.arange(count) * length
    known = np.minimum(np.arange(count) + ahead, count - 1) * length + length
    return TimedScores(np.array(scores), np.stack([start, start + length], axis=1), known, count * length)


def spans(found):
    """Runs of set flags, a second each, as spans in seconds."""
    edges = np.flatnonzero(np.diff(np.r_[0, np.array(found, dtype=int), 0]))
    return edges.reshape(-1, 2).astype(float)


def simple(quiet):
    """A rule by which every high score raises an alert, unless one was open within `quiet` seconds."""

    def raised(scores, threshold):
        return np.array(slow_alerts(scores, threshold, quiet)).reshape(-1, 2)

    return AlertRaiser(raised, quiet)


def slow_alerts(scores, threshold, quiet):
    """A guard's view: an alert is open until `quiet` seconds of the video went by without a high score."""
    found, calm_since = [], None
    for score, (start, stop), known in zip(scores.score, scores.time_span, scores.known, strict=True):
        if score < threshold:
            continue
        if calm_since is None or start - calm_since > quiet:
            found.append((start, known))
        calm_since = stop
    return found


def slow_matches(alerts, events, quiet):
    """(delays, false alarms), event by event on a grid of half seconds."""
    merged = []
    for start, stop in events:
        if merged and start - merged[-1][1] <= quiet:
            merged[-1][1] = stop
        else:
            merged.append([start, stop])
    delays, true = [], set()
    for start, stop in merged:
        inside = {place for place in np.arange(0, 60, 0.5) if start <= place < stop}
        hits = []
        for number, (began, raised) in enumerate(alerts):
            if inside & {place for place in np.arange(0, 60, 0.5) if began <= place < raised}:
                hits.append(raised)
                true.add(number)
        delays.append(min(hits) - start if hits else None)
    return delays, len(alerts) - len(true)


@given(levels, flags, st.sampled_from([0.3, 0.5, 0.95]), st.integers(0, 5), st.integers(0, 3))
@settings(max_examples=80, deadline=None)
def test_alerts_match_events_as_seconds_one_by_one(scores, anomalous, threshold, quiet, ahead):
    video, events = timed(scores, ahead=ahead), spans(anomalous)
    alerts = simple(quiet).raised(video, threshold)
    delay, false = match_alerts(alerts, merge_events(events, quiet=quiet))
    expected, expected_false = slow_matches(alerts, events, quiet)
    assert [None if np.isnan(each) else each for each in delay] == expected and false == expected_false
    assert (delay[np.isfinite(delay)] > 0).all()  # nothing is known of an event before it begins
    counts = count_alerts([video], [events], threshold, raiser=simple(quiet))
    assert counts.false[0] == false and counts.detected[0] == np.isfinite(delay).sum()
    assert counts.hours[0] * 3600 == pytest.approx(max(0, 2 * len(scores) - sum(anomalous)))


def test_rates_are_sums_over_videos():
    """Two hours with three false alarms, two events of which one is found after 3 s."""
    quiet = timed([0.9, 0.1, 0.1, 0.9, 0.1, 0.1, 0.9] + [0.1] * 1790)  # 3594 s
    fight = timed([0.1, 0.9] + [0.1] * 1801)  # 3606 s, of which 6 are anomalous
    events = [np.zeros((0, 2)), np.array([[1.0, 4.0], [100.0, 103.0]])]
    ratios = count_alerts([quiet, fight], events, 0.5, raiser=simple(1)).ratios()
    values = {name: ratio.measure().value for name, ratio in ratios.items()}
    assert values == pytest.approx({"delay": 3.0, "missed": 0.5, "false_alarms": 3 / (7194 / 3600)})


def test_one_alert_that_never_ends_detects_nothing_after_its_start():
    video, events = timed([0.9] * 30), [np.array([[20.0, 30.0], [50.0, 52.0]])]
    counts = count_alerts([video], events, 0.5, raiser=simple(5))
    assert counts.false[0] == 1 and counts.detected[0] == 0 and counts.events[0] == 2


def test_a_viewer_sees_the_latest_score_that_is_known():
    seen = held_scores(np.array([0.2, 0.7, 0.4]), np.array([2, 4, 4]), 6)
    assert np.isnan(seen[0]) and seen[1:].tolist() == [0.2, 0.2, 0.4, 0.4, 0.4]


@given(st.lists(levels, min_size=1, max_size=4), st.sampled_from([0, 300, 900, 5000]))
@settings(max_examples=40, deadline=None)
def test_the_threshold_of_a_budget_is_the_lowest_that_keeps_it_from_there_upwards(videos, budget):
    videos = [timed(scores) for scores in videos]
    chosen = threshold_at(videos, budget, raiser=simple(1))
    nothing = [np.zeros((0, 2))] * len(videos)

    def rate(threshold):
        return count_alerts(videos, nothing, threshold, raiser=simple(1)).false_per_hour

    scores = np.unique(np.concatenate([each.score for each in videos]))
    assert all(rate(each) <= budget for each in scores if each >= chosen)
    below = scores[scores < chosen]
    assert not len(below) or rate(below[-1]) > budget


def test_the_curve_ends_where_alerts_melt_into_one():
    video = timed([0.9, 0.1, 0.1, 0.7, 0.1, 0.1, 0.8, 0.1, 0.1])
    curve = alert_curve([video], [np.array([[6.0, 8.0]])], raiser=simple(1))
    # At 0.1 there is one alert, not three.
    assert [point.threshold for point in curve] == [np.nextafter(0.9, 1), 0.9, 0.8, 0.7]
    assert [point.false_alarms * 16 / 3600 for point in curve] == pytest.approx([0, 1, 2, 2])
    assert [point.missed for point in curve] == [1, 1, 1, 0]
    assert [point.delay for point in curve] == [None, None, None, 2]


def test_no_rate_without_a_video_that_lasts():
    assert alert_curve([], [], raiser=simple(1)) == []
    with pytest.raises(ValueError, match="no normal video lasts"):
        threshold_at([], 1, raiser=simple(1))
