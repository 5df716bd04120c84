"""What the live page shows: for each camera its frame, its scores of the last minutes and where it stands.

The watch reports to it, pages ask it; neither waits for the other. Pictures are made when somebody looks.
"""

from __future__ import annotations

import threading
import time
from collections import OrderedDict, deque
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import cv2

from extract.runtime.foreign.printable import printable
from score.alerts.alert_event import AlertEvent
from score.alerts.alert_names import NAME
from score.alerts.watch_events import CameraState, LiveFrame, LiveSegment
from score.web.verdicts import Verdict

STRIP_SECONDS = 300.0
MAX_POINTS = 3000  # of one camera's strip
MAX_ALERTS = 60
PICTURE_SIDE = 640  # pixels of the longer side at most
PICTURE_SECONDS = 0.2  # between two pictures of a camera
QUALITY = 75


@dataclass
class _Camera:
    name: str
    place: str = ""
    state: CameraState | None = None
    frame: LiveFrame | None = None
    # (sequence, Unix time of its last frame, score, whether it follows a gap)
    strip: deque[tuple[int, float, float, bool]] = field(default_factory=lambda: deque(maxlen=MAX_POINTS))
    picture: tuple[int, float, bytes] | None = None  # number of its frame, when it was made, JPEG
    making: threading.Lock = field(default_factory=threading.Lock)


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
        self._cameras: dict[str, _Camera] = {}
        self._alerts: OrderedDict[str, dict] = OrderedDict()
        self.threshold_of: Callable[[str], float | None] = lambda _camera: None
        for name, place in (places or {}).items():
            self._cameras[name] = _Camera(name, place)
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
                "cameras": [self._shown(each, after, now) for each in self._cameras.values()],
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
        with camera.making:
            frame, made = camera.frame, camera.picture
            if frame is None:
                return None
            is_new = made is None or (
                made[0] != frame.number and time.monotonic() - made[1] >= PICTURE_SECONDS
            )
            if made is None or is_new:
                made = (frame.number, time.monotonic(), _jpeg(frame))
                camera.picture = made
            return made[0], made[2]

    def _camera(self, name: str) -> _Camera:
        return self._cameras.setdefault(name, _Camera(name))

    def _shown(self, camera: _Camera, after: int, now: float) -> dict[str, Any]:
        state, frame, points = camera.state, camera.frame, camera.strip
        since = now - STRIP_SECONDS
        return {
            "name": printable(camera.name),
            "place": printable(camera.place),
            "threshold": self.threshold_of(camera.name),
            "connection": "connecting" if state is None else state.connection,
            "detail": "" if state is None else printable(state.detail),
            "fps": None if state is None else round(state.fps, 1),
            "scored_fps": None if state is None else round(state.scored_fps, 1),
            "skipped": 0 if state is None else state.skipped,
            "frames": 0 if state is None else state.frames,
            "latency": None
            if state is None or state.latency is None
            else [round(each, 3) for each in state.latency],
            "frame": None if frame is None else frame.number,
            "score": round(points[-1][2], 4) if points else None,
            "points": [
                [round(when, 3), round(score, 4), restarted]
                for sequence, when, score, restarted in points
                if sequence > after and when >= since
            ],
        }

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


def _jpeg(frame: LiveFrame) -> bytes:
    height, width = frame.pixels.shape[:2]
    scale = min(1.0, PICTURE_SIDE / max(height, width))
    pixels = frame.pixels
    if scale < 1:
        size = (max(1, round(width * scale)), max(1, round(height * scale)))
        pixels = cv2.resize(pixels, size, interpolation=cv2.INTER_AREA)
    encoded = cv2.imencode(
        ".jpg", cv2.cvtColor(pixels, cv2.COLOR_RGB2BGR), [cv2.IMWRITE_JPEG_QUALITY, QUALITY]
    )
    return encoded[1].tobytes()
