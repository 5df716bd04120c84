"""One change of one alert: what the machine reports and the recorder keeps."""

from __future__ import annotations

import secrets
from dataclasses import dataclass, replace
from datetime import datetime, timezone
from typing import Literal

import numpy as np

from score.alerts.alert_names import alert_name
from score.alerts.watch_events import LiveSegment

Kind = Literal["new", "update", "end"]


@dataclass(frozen=True)
class AlertChange:
    """One change of one alert.

    seconds: [start, end so far) in LiveFrame.seconds; the end is that of the last segment whose median was
    high. times: the same as Unix times, by the arrival of frames. peak_seconds: the middle of the segment
    with the peak. class_index: the likeliest class besides Normal in the segment with the peak, None for
    heads without classes. reason: why it ended, "" before that.
    """

    kind: Kind
    alert_id: str
    camera: str
    seconds: tuple[float, float]
    times: tuple[float, float]
    peak_score: float
    peak_seconds: float
    threshold: float
    class_index: int | None = None
    class_probability: float | None = None
    reason: str = ""

    def with_peak(self, segment: LiveSegment) -> AlertChange:
        """The alert after a further segment, which has the peak if its score is the highest so far."""
        if segment.score <= self.peak_score:
            return self
        index = probability = None
        if segment.class_probability is not None and len(segment.class_probability) > 1:
            index = 1 + int(np.argmax(segment.class_probability[1:]))
            probability = float(segment.class_probability[index])
        return replace(
            self,
            peak_score=float(segment.score),
            peak_seconds=sum(segment.time_span) / 2,
            class_index=index,
            class_probability=probability,
        )


def new_id(segment: LiveSegment) -> str:
    """Unique over restarts and cameras, sortable by time, and fit for a file's name."""
    began = datetime.fromtimestamp(segment.arrived[0], timezone.utc)
    return alert_name(began, segment.camera, secrets.token_hex(4))
