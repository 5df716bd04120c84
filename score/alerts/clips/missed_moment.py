"""The last seconds of a camera that somebody wants to keep, because an anomaly was missed there."""

from __future__ import annotations

from dataclasses import dataclass

from score.alerts.alert_change import AlertChange, new_id
from score.alerts.clips.camera_ring import CameraRing, Moment


@dataclass(frozen=True)
class MissedMoment:
    """threshold: of the camera's alerts, which no score has reached for long enough."""

    camera: str
    seconds: float
    threshold: float

    def found(self, ring: CameraRing | None) -> tuple[AlertChange, Moment]:
        """As a change of an alert, and what is known of it. Raises ValueError if nothing is in memory."""
        if ring is None or (newest := ring.newest) is None:
            raise ValueError(f"nothing of the camera {self.camera} is in memory")
        moment = ring.between(newest - self.seconds, newest)
        if not moment.segments:
            raise ValueError(f"the camera {self.camera} has no scores for the last {self.seconds:g} s")
        first, last = moment.segments[0], moment.segments[-1]
        change = AlertChange(
            kind="new",
            alert_id=new_id(first),
            camera=self.camera,
            seconds=(first.time_span[0], last.time_span[1]),
            times=(first.arrived[0], last.arrived[1]),
            peak_score=-1.0,
            peak_seconds=0.0,
            threshold=self.threshold,
        )
        for each in moment.segments:
            change = change.with_peak(each)
        return change, moment
