"""Alerts of one camera against annotated events: false ones, missed events, and seconds until the alert.

The protocol. A score counts from the moment at which it is known, never before. An alert rests on the time
from the start of its first segment to the moment at which it was raised. It is true if an
event overlaps this time, else false. An event is detected by the first alert that it overlaps so; the delay
is the time from its start until that alert was raised. An alert that was already open when an event began
detects nothing, because nobody is called a second time: so a threshold under which one alert lasts for hours
gains nothing. Events closer to each other than alerts can be are one event.

False alarms are counted per hour without an event: a rate that does not depend on how rare events are.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from score.metrics.ratios import Ratio

SECONDS_AN_HOUR = 3600.0
NO_EVENT, NO_TIME, NO_DETECTION = (
    "no event is annotated",
    "no time is without an event",
    "no event is detected",
)


@dataclass(frozen=True)
class TimedScores:
    """The scores of one video in seconds of its clock.

    score: float64 [N]. time_span: float64 [N, 2], starts ascending. known: float64 [N], never falling: when
    each score is known. end: when the video ends.
    """

    score: np.ndarray
    time_span: np.ndarray
    known: np.ndarray
    end: float


@dataclass(frozen=True)
class AlertRaiser:
    """The rule that turns scores into alerts, whose home is score.alerts.

    raised: scores and threshold -> float64 [A, 2], from the start of what raised each alert until it was
    raised. quiet: seconds without a high score after which an alert is over. words: the rule in one line.
    """

    raised: Callable[[TimedScores, float], np.ndarray]
    quiet: float
    words: str = ""


@dataclass(frozen=True)
class AlertCounts:
    """False alarms, hours without an event, events, detected ones and their summed delay in seconds.

    All float64 [V], of V videos.
    """

    false: np.ndarray
    hours: np.ndarray
    events: np.ndarray
    detected: np.ndarray
    delay: np.ndarray

    def ratios(self) -> dict[str, Ratio]:
        """delay: seconds, mean over detected events. missed: share of events. false_alarms: per hour."""
        return {
            "delay": Ratio(self.delay, self.detected, NO_DETECTION),
            "missed": Ratio(self.events - self.detected, self.events, NO_EVENT),
            "false_alarms": Ratio(self.false, self.hours, NO_TIME),
        }

    @property
    def false_per_hour(self) -> float | None:
        return self.ratios()["false_alarms"].measure().value


def merge_events(spans: np.ndarray, *, quiet: float) -> np.ndarray:
    """Events in seconds, float64 [E, 2] ascending, joined where no more than `quiet` seconds lie between."""
    if not len(spans):
        return np.zeros((0, 2))
    apart = spans[1:, 0] - spans[:-1, 1] > quiet
    return np.stack([spans[np.r_[True, apart], 0], spans[np.r_[apart, True], 1]], axis=1)


def match_alerts(alerts: np.ndarray, events: np.ndarray) -> tuple[np.ndarray, int]:
    """(seconds until each event was detected, float64 [E], NaN if missed; number of false alarms).

    alerts: float64 [A, 2] of AlertRaiser.raised. events: float64 [E, 2] of merge_events.
    """
    both = (alerts[:, None, 0] < events[None, :, 1]) & (alerts[:, None, 1] > events[None, :, 0])  # [A, E]
    raised = np.where(both, alerts[:, 1, None], np.inf)
    delay = raised.min(axis=0, initial=np.inf) - events[:, 0]
    return np.where(np.isfinite(delay), delay, np.nan), int((~both.any(axis=1)).sum())


def count_alerts(
    videos: Sequence[TimedScores], events: Sequence[np.ndarray], threshold: float, *, raiser: AlertRaiser
) -> AlertCounts:
    """The counts of V videos at one threshold. events: annotated spans in seconds, [E, 2] of each video."""
    rows = np.zeros((len(videos), 5))
    for row, scores, spans in zip(rows, videos, events, strict=True):
        true = merge_events(spans, quiet=raiser.quiet)
        delay, false = match_alerts(raiser.raised(scores, threshold), true)
        found = np.isfinite(delay)
        hours = max(0.0, scores.end - (spans[:, 1] - spans[:, 0]).sum()) / SECONDS_AN_HOUR
        row[:] = false, hours, len(true), found.sum(), delay[found].sum()
    return AlertCounts(*rows.T)


def held_scores(score: np.ndarray, known_frame: np.ndarray, num_frames: int) -> np.ndarray:
    """The score that a viewer sees with each frame: float64 [num_frames]; NaN before the first is known.

    It is the latest that is known. known_frame: int64 [N], never falling: frames that must have been seen.
    """
    place = np.searchsorted(known_frame, np.arange(1, num_frames + 1), side="right") - 1
    return np.where(place < 0, np.nan, np.asarray(score, dtype=np.float64)[place.clip(min=0)])
