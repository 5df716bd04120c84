"""What the live page shows: for each camera its frame, its scores of the last minutes and where it stands.

The watch reports to it, pages ask it; neither waits for the other. Pictures are made when somebody looks.
"""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from extract.runtime.foreign.printable import printable
from score.alerts.alert_event import AlertEvent
from score.alerts.alert_names import NAME
from score.alerts.watch_events import CameraState, LiveFrame, LiveSegment
from score.web.live_camera import LiveCamera
from score.web.verdicts import Verdict

STRIP_SECONDS = 300.0
MAX_ALERTS = 60


class LiveBoard:
    """A Listener, and an Output of alerts.

    places: camera -> where it is, in the order in which they are shown; others come after. title: of the
    page. alerts, verdicts: what is known from before, oldest first. threshold_of: camera -> score at which
    its alerts start, None if there is none; may be set later.
    """

    name, failed, problem = "page", 0, ""

    def __init__(
        self,
        places: Mapping[str, str] | None = None,
        *,
        title: str = "",
        alerts: Iterable[Mapping[str, Any]] = (),
        verdicts: Iterable[Verdict] = (),
    ):
        self.title, self.delivered, self.is_over = title, 0, False
        self._lock = threading.Lock()
        self._sequence, self._alerts_version = 0, 0
        self._cameras: dict[str, LiveCamera] = {}
        self._alerts: OrderedDict[str, dict] = OrderedDict()
        self.threshold_of: Callable[[str], float | None] = lambda _camera: None
        for name, place in (places or {}).items():
            self._cameras[name] = LiveCamera(name, place)
        for event in alerts:
            self._take_event(event)
        # No earlier process ends its alerts any more.
        for event in self._alerts.values():
            event["open"] = False
        for verdict in verdicts:
            self.mark(verdict)

    # what watching reports

    def frame(self, frame: LiveFrame) -> None:
        with self._lock:
            self._camera(frame.camera).frame = frame

    def segment(self, segment: LiveSegment) -> None:
        with self._lock:
            self._sequence += 1
            point = (self._sequence, segment.arrived[1], float(segment.score), segment.restarted)
            self._camera(segment.camera).strip.append(point)

    def state(self, state: CameraState) -> None:
        with self._lock:
            self._camera(state.camera).state = state

    def send(self, event: AlertEvent) -> None:
        with self._lock:
            self._take_event(event.model_dump())
            self.delivered += 1

    def close(self, _seconds: float = 0.0) -> None:
        """Both as a Listener and as an Output."""
        self.is_over = True

    # what pages ask

    def names(self) -> list[str]:
        """The cameras in their order; their places in it are their numbers in addresses."""
        with self._lock:
            return list(self._cameras)

    def has_alert(self, alert_id: str) -> bool:
        with self._lock:
            return alert_id in self._alerts

    def camera_of_alert(self, alert_id: str) -> str:
        """The camera of an alert; "" for an unknown one."""
        with self._lock:
            return str(self._alerts.get(alert_id, {}).get("camera", ""))

    def mark(self, verdict: Verdict) -> None:
        """Show what somebody said about an alert; a label replaces an earlier one, as in the list."""
        with self._lock:
            if verdict.id in self._alerts:
                said = self._alerts[verdict.id]["verdicts"]
                is_seen = verdict.kind == "acknowledged"
                said[:] = [each for each in said if (each.kind == "acknowledged") != is_seen] + [verdict]
                self._alerts_version += 1

    def snapshot(
        self, *, after: int = 0, alerts_version: int = -1, now: float | None = None
    ) -> dict[str, Any]:
        """Plain values for the page. after: of the last point that it has. Alerts only if they changed."""
        now = time.time() if now is None else now
        with self._lock:
            found: dict[str, Any] = {
                "now": now,
                "over": self.is_over,
                "sequence": self._sequence,
                "strip_seconds": STRIP_SECONDS,
                "cameras": [
                    each.shown(self.threshold_of(each.name), after=after, since=now - STRIP_SECONDS)
                    for each in self._cameras.values()
                ],
                "alerts_version": self._alerts_version,
            }
            if alerts_version != self._alerts_version:
                newest_first = sorted(self._alerts.values(), key=_begin, reverse=True)
                in_order = sorted(newest_first, key=lambda each: not each["open"])
                found["alerts"] = [_alert(each) for each in in_order]
        return found

    def picture(self, number: int) -> tuple[int, bytes] | None:
        """(number of a camera's frame, its JPEG); None if there is none yet. Raises IndexError."""
        with self._lock:
            camera = list(self._cameras.values())[number]
        return camera.jpeg()

    def _camera(self, name: str) -> LiveCamera:
        return self._cameras.setdefault(name, LiveCamera(name))

    def _take_event(self, event: Mapping[str, Any]) -> None:
        if not isinstance(alert_id := event.get("id"), str) or not NAME.fullmatch(alert_id):
            return  # the page makes addresses of it
        before = self._alerts.get(alert_id)
        verdicts = [] if before is None else before["verdicts"]
        is_open = event.get("event") in ("new", "update")
        self._alerts[alert_id] = {**event, "open": is_open, "verdicts": verdicts}
        while len(self._alerts) > MAX_ALERTS:
            ended = next((name for name, each in self._alerts.items() if not each["open"]), None)
            self._alerts.pop(ended if ended is not None else next(iter(self._alerts)))
        self._alerts_version += 1


def _begin(event: Mapping[str, Any]) -> str:
    """When an alert began; times of one zone sort as texts."""
    begin = event.get("start")
    return begin if isinstance(begin, str) else ""


SHOWN_OF_ALERTS = (
    "id", "event", "camera", "place", "start", "end", "peak_score", "threshold", "event_class", "reason",
)  # fmt: skip


def _alert(event: Mapping[str, Any]) -> dict[str, Any]:
    shown = {name: event.get(name) for name in SHOWN_OF_ALERTS}
    texts = {name: printable(value) for name, value in shown.items() if isinstance(value, str)}
    return {
        **shown,
        **texts,
        "open": event["open"],
        "picture": bool(event.get("picture")),
        "clip": bool(event.get("clip")),
        "verdicts": [{"kind": each.kind, "note": each.note, "time": each.time} for each in event["verdicts"]],
    }
