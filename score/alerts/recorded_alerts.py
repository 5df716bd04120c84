"""The alerts that `watch` would have raised for recorded scores: the same machine, fed with the past."""

from __future__ import annotations

from dataclasses import replace
from functools import partial

import numpy as np

from score.alerts.alert_machine import AlertMachine
from score.alerts.alert_rule import AlertRule
from score.alerts.watch_events import LiveSegment
from score.metrics.online_alerts import AlertRaiser, TimedScores

DEFAULT_RULE = AlertRule(0.5)


def alert_raiser(rule: AlertRule = DEFAULT_RULE) -> AlertRaiser:
    """Raises alerts by this rule at any threshold; threshold_off keeps its share of it."""
    words = (
        f"median of {rule.median_segments} segments, {rule.minimum_seconds:g} s at least, over after "
        f"{rule.quiet_seconds:g} s of quiet, {rule.cool_down_seconds:g} s until the next"
    )
    # Not a function in this one: processes of a benchmark receive it.
    return AlertRaiser(partial(_raised, rule), rule.quiet_seconds, words)


def _raised(rule: AlertRule, scores: TimedScores, threshold: float) -> np.ndarray:
    # No median can reach what no score reaches; the machine takes thresholds in [0, 1] only.
    if not len(scores.score) or not threshold <= scores.score.max() or not 0 <= threshold <= 1:
        return np.zeros((0, 2))
    share = rule.off / rule.threshold if rule.threshold else 1.0
    return raised_alerts(scores, replace(rule, threshold=threshold, threshold_off=threshold * share))


def raised_alerts(scores: TimedScores, rule: AlertRule) -> np.ndarray:
    """float64 [A, 2]: from the start of the first segment of each alert to when it was raised, in seconds."""
    machine = AlertMachine(rule, make_id=lambda _segment: "")
    found = []
    rows = zip(scores.score.tolist(), scores.time_span.tolist(), scores.known.tolist(), strict=True)
    for number, (score, (start, end), known) in enumerate(rows):
        segment = LiveSegment(
            camera="",
            number=number,
            frame_span=(number, number + 1),
            time_span=(start, end),
            arrived=(start, end),
            rows=(),
            score=score,
            class_probability=None,
            latency=0.0,
            restarted=not number,
        )
        found += [(each.seconds[0], known) for each in machine.segment(segment) if each.kind == "new"]
    return np.array(found, dtype=np.float64).reshape(-1, 2)
