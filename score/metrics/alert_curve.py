"""What a threshold costs and brings online: false alarms per hour against delay and missed events.

Thresholds are gone through from the highest score down. The curve keeps those at which there are at least as
many false alarms as at all higher ones: below them alerts melt into one long alert, which is no better.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from score.metrics.online_alerts import AlertRaiser, TimedScores, count_alerts

POINTS = 100  # thresholds of a curve, at most


@dataclass(frozen=True)
class CurvePoint:
    """threshold: a score. false_alarms: per hour without an event. missed: share of events in [0, 1].

    delay: seconds, mean over detected events; None without one.
    """

    threshold: float
    false_alarms: float
    missed: float | None
    delay: float | None


def alert_curve(
    videos: Sequence[TimedScores], events: Sequence[np.ndarray], *, raiser: AlertRaiser, points: int = POINTS
) -> list[CurvePoint]:
    """From a threshold over every score down; empty if no time is without an event.

    events: as in count_alerts.
    """
    candidates = _descending(videos)
    if len(candidates) > points:
        candidates = candidates[np.linspace(0, len(candidates) - 1, points).round().astype(int)]
    found: list[CurvePoint] = []
    above = np.nextafter(candidates[:1], np.inf)  # the curve starts where no alarm is raised at all
    for threshold in (*above.tolist(), *candidates.tolist()):
        ratios = count_alerts(videos, events, threshold, raiser=raiser).ratios()
        values = {name: ratio.measure().value for name, ratio in ratios.items()}
        false_alarms = values["false_alarms"]
        if false_alarms is None:
            return []
        if not found or false_alarms >= found[-1].false_alarms:
            found.append(CurvePoint(threshold, false_alarms, values["missed"], values["delay"]))
    return found


def threshold_at(videos: Sequence[TimedScores], false_alarms: float, *, raiser: AlertRaiser) -> float:
    """The lowest threshold at which, and above which, normal videos have at most `false_alarms` per hour.

    Raises ValueError without a video that lasts.
    """
    nothing = [np.zeros((0, 2))] * len(videos)
    candidates = _descending(videos)
    for threshold in candidates.tolist():
        found = count_alerts(videos, nothing, threshold, raiser=raiser).false_per_hour
        if found is None:
            break
        if found > false_alarms:
            return float(np.nextafter(threshold, np.inf))
    else:
        if len(candidates):
            return float(candidates[-1])
    raise ValueError("no normal video lasts, so there is no rate of false alarms")


def _descending(videos: Sequence[TimedScores]) -> np.ndarray:
    """Every score once, from the highest down."""
    return np.unique(np.concatenate([each.score for each in videos] or [np.zeros(0)]))[::-1]
