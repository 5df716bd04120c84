"""Alerts of recorded scores: by hand, and those of the machine that `watch` runs."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from score.alerts.alert_rule import AlertRule
from score.alerts.recorded_alerts import alert_raiser, raised_alerts
from score.metrics.online_alerts import TimedScores

PLAIN = {"median_segments": 1, "minimum_seconds": 0.0, "cool_down_seconds": 0.0, "quiet_seconds": 3.5}


def timed(scores, *, late=0.0):
    start = np.arange(len(scores)) * 1.0
    spans = np.stack([start, start + 1], axis=1)
    return TimedScores(np.array(scores), spans, start + 1 + late, float(len(scores)))


def test_an_alert_waits_for_its_median_and_its_minimum_and_is_known_late():
    scores = [0.1, 0.9, 0.9, 0.9, 0.1, 0.1, 0.1]
    rule = AlertRule(0.5, median_segments=3, minimum_seconds=2.0)
    # The median reaches 0.5 with the second high segment; both last two seconds then.
    assert raised_alerts(timed(scores), rule).tolist() == [[1.0, 3.0]]
    assert raised_alerts(timed(scores, late=1.5), rule).tolist() == [[1.0, 4.5]]
    assert raised_alerts(timed(scores), AlertRule(0.5, minimum_seconds=9.0)).tolist() == []


@given(st.lists(st.sampled_from([0.1, 0.6, 0.9]), min_size=1, max_size=25))
@settings(max_examples=60, deadline=None)
def test_without_median_and_minimum_an_alert_is_open_until_it_was_quiet(scores):
    expected, calm_since = [], None
    for place, score in enumerate(scores):
        if score >= 0.5:
            if calm_since is None or place - calm_since > 3.5:
                expected.append([place, place + 1])
            calm_since = place + 1
    found = raised_alerts(timed(scores), AlertRule(0.5, threshold_off=0.5, **PLAIN))
    assert found.tolist() == expected


@pytest.mark.parametrize("threshold", [0.95, 1.0000001, -0.1])
def test_no_alert_where_no_score_or_no_threshold_can_be(threshold):
    assert alert_raiser().raised(timed([0.9] * 9), threshold).shape == (0, 2)
    assert len(alert_raiser().raised(timed([0.9] * 9), 0.9)) == 1
