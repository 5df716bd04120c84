"""When alerts of one camera start, change and end: follows from its segments, without clock and threads."""

from __future__ import annotations

import math
import statistics
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from score.alerts.alert_change import AlertChange, new_id
from score.alerts.alert_rule import AlertRule
from score.alerts.watch_events import CameraState, LiveSegment


@dataclass(frozen=True)
class _Recent:
    """A segment of the median. covered: seconds of it that no earlier segment covered."""

    segment: LiveSegment
    covered: float


class AlertMachine:
    """One camera. Every method returns the changes that follow from what it is given, in order.

    make_id: the id of an alert, given its first segment.
    """

    def __init__(self, rule: AlertRule, *, make_id: Callable[[LiveSegment], str] = new_id):
        self.rule, self._make_id = rule, make_id
        self._recent: deque[_Recent] = deque(maxlen=rule.median_segments)
        self._covered_until: float | None = None  # end of the last segment
        self._high: list[_Recent] = []  # what may become an alert, from its first segment on
        self._open: AlertChange | None = None
        self._quiet = 0.0  # seconds since the median of the open alert was high
        self._sent = (0.0, 0.0)  # seconds and peak of what was reported last
        self._not_before = -np.inf  # seconds at which the next alert may start
        self._lost_at: float | None = None  # Unix time

    @property
    def is_open(self) -> bool:
        return self._open is not None

    def segment(self, segment: LiveSegment) -> list[AlertChange]:
        """A scored segment, in the order of time."""
        if not math.isfinite(segment.score):  # says nothing, and must cost no alert
            segment = replace(segment, score=0.0)
        changes: list[AlertChange] = []
        start, end = segment.time_span
        before, self._lost_at = self._covered_until, None
        gap = 0.0 if before is None else start - before
        covered = max(0.0, end - (start if before is None else max(start, before)))
        self._covered_until = end if before is None else max(before, end)
        if self._open is not None and gap > self.rule.lost_seconds:
            changes.append(self._end("no segments for too long"))
        if segment.restarted or gap > self.rule.gap_seconds:
            self._recent.clear()
            self._high = []
        self._recent.append(_Recent(segment, covered))
        return changes + (self._start() if self._open is None else self._go_on(covered))

    def state(self, state: CameraState) -> list[AlertChange]:
        """Where the camera stands: an alert of one that ended or is lost for long has an end."""
        if self._open is None:
            return []
        if state.connection == "ended":
            return [self._end("the stream ended")]
        if state.connection == "live":
            # Frames come; whether segments do is seen when one comes.
            self._lost_at = None
            return []
        if self._lost_at is None:
            self._lost_at = state.time
        # A clock that jumps back must not keep an alert open for ever.
        self._lost_at = min(self._lost_at, state.time)
        if state.time - self._lost_at < self.rule.lost_seconds:
            return []
        return [self._end("the camera was lost")]

    def close(self, reason: str = "the watch ended") -> list[AlertChange]:
        """Nothing more comes."""
        self._high = []
        return [] if self._open is None else [self._end(reason)]

    def _median(self, *, padded: bool) -> float:
        scores = [each.segment.score for each in self._recent]
        if padded:
            scores += [0.0] * (self.rule.median_segments - len(scores))
        return statistics.median(scores)

    def _start(self) -> list[AlertChange]:
        newest = self._recent[-1]
        median = self._median(padded=True)
        if median < (self.rule.off if self._high else self.rule.threshold):
            self._high = []
            return []
        if self._high:
            self._high.append(newest)
        else:
            # The median lags: what lifted it belongs to the alert.
            high = [number for number, each in enumerate(self._recent) if self._may_begin(each)]
            if not high:
                return []
            self._high = list(self._recent)[high[0] :]
        if sum(each.covered for each in self._high) < self.rule.minimum_seconds:
            return []
        return [self._open_alert()]

    def _may_begin(self, recent: _Recent) -> bool:
        return recent.segment.score >= self.rule.threshold and recent.segment.time_span[0] >= self._not_before

    def _open_alert(self) -> AlertChange:
        first, last = self._high[0].segment, self._high[-1].segment
        opened = AlertChange(
            kind="new",
            alert_id=self._make_id(first),
            camera=first.camera,
            seconds=(first.time_span[0], last.time_span[1]),
            times=(first.arrived[0], last.arrived[1]),
            peak_score=-1.0,
            peak_seconds=0.0,
            threshold=self.rule.threshold,
        )
        for each in self._high:
            opened = opened.with_peak(each.segment)
        self._open, self._high, self._quiet = opened, [], 0.0
        self._sent = (last.time_span[1], opened.peak_score)
        return opened

    def _go_on(self, covered: float) -> list[AlertChange]:
        assert self._open is not None
        segment = self._recent[-1].segment
        alert = self._open.with_peak(segment)
        if self._median(padded=False) >= self.rule.off:
            self._quiet = 0.0
            end = max(alert.seconds[1], segment.time_span[1]), max(alert.times[1], segment.arrived[1])
            alert = replace(alert, seconds=(alert.seconds[0], end[0]), times=(alert.times[0], end[1]))
        else:
            self._quiet += covered
        self._open = alert
        if self._quiet and self._quiet >= self.rule.quiet_seconds:
            return [self._end("quiet")]
        now, (sent, peak) = segment.time_span[1], self._sent
        if now - sent < self.rule.update_seconds and alert.peak_score < peak + self.rule.update_rise:
            return []
        self._sent = (now, alert.peak_score)
        return [replace(alert, kind="update")]

    def _end(self, reason: str) -> AlertChange:
        assert self._open is not None
        ended = replace(self._open, kind="end", reason=reason)
        self._open, self._lost_at, self._high = None, None, []
        self._recent.clear()
        self._not_before = ended.seconds[1] + self.rule.cool_down_seconds
        return ended
