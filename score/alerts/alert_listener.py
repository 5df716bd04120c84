"""The Listener of `watch` that turns scores into alerts, keeps their clips, and sends their events."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future
from typing import TYPE_CHECKING

from score.alerts.alert_change import AlertChange
from score.alerts.alert_event import AlertEvent, EventTexts
from score.alerts.alert_folder import AlertFolder
from score.alerts.alert_machine import AlertMachine
from score.alerts.alert_recorder import AlertRecorder
from score.alerts.alert_rule import AlertRule
from score.alerts.kept_files import ClipSettings
from score.alerts.outputs.output import Output
from score.alerts.watch_events import CameraState, LiveFrame, LiveSegment

if TYPE_CHECKING:  # of the extra live
    from score.alerts.outputs.metrics import Metrics

CLOSE_SECONDS = 10.0


class AlertListener:
    """Takes what watching reports; see watch_events.Listener.

    rule: of cameras that have none in `rules`. texts: camera -> what its events say; `text` for the others.
    folder: None keeps no files. outputs: get each event, after its files were written. scores: get each
    segment, and do not wait. closing: is called last.
    """

    def __init__(
        self,
        rule: AlertRule,
        *,
        rules: Mapping[str, AlertRule] | None = None,
        texts: Mapping[str, EventTexts] | None = None,
        folder: AlertFolder | None = None,
        clips: ClipSettings | None = None,
        outputs: Sequence[Output] = (),
        scores: Sequence[Callable[[LiveSegment], None]] = (),
        metrics: Metrics | None = None,
        closing: Sequence[Callable[[], None]] = (),
    ):
        self._rule, self._rules, self.outputs, self._scores = rule, dict(rules or {}), tuple(outputs), scores
        self._machines: dict[str, AlertMachine] = {}
        self._lock = threading.Lock()
        self._open: dict[str, AlertEvent] = {}
        self._closing = closing
        settings = clips or ClipSettings()
        self.folder = folder
        self.recorder = AlertRecorder(
            folder,
            settings=settings,
            texts=texts or {},
            # Of a quiet camera nothing later is there when the alert ends.
            trail=lambda camera: min(settings.trail_seconds, self.rule_of(camera).quiet_seconds),
            publish=self._publish,
        )
        self._metrics = metrics
        if metrics is not None:
            metrics.left_out = lambda: self.recorder.intake.left_out

    def rule_of(self, camera: str) -> AlertRule:
        return self._rules.get(camera, self._rule)

    def open_alerts(self) -> list[AlertEvent]:
        """The latest event of each alert that has not ended, oldest first; from any thread."""
        with self._lock:
            return list(self._open.values())

    def keep_recent(self, camera: str, seconds: float) -> Future[AlertEvent]:
        """Keep the last seconds of a camera; see AlertRecorder.keep_recent. From any thread."""
        return self.recorder.keep_recent(camera, seconds, threshold=self.rule_of(camera).threshold)

    def frame(self, frame: LiveFrame) -> None:
        self.recorder.frame(frame)

    def segment(self, segment: LiveSegment) -> None:
        machine = self._machine(segment.camera)
        self.recorder.segment(segment)
        began = self._change(machine.segment(segment))
        if self._metrics is not None:
            self._metrics.segment(segment, is_open=machine.is_open, began=began)
        for score in self._scores:
            score(segment)

    def state(self, state: CameraState) -> None:
        machine = self._machine(state.camera)
        self._change(machine.state(state))
        if self._metrics is not None:
            self._metrics.state(state, is_open=machine.is_open)

    def close(self) -> None:
        """End open alerts, finish their clips, and wait for the outputs, for ten seconds in all."""
        limit = time.monotonic() + CLOSE_SECONDS
        for machine in self._machines.values():
            self._change(machine.close())
        self.recorder.close(CLOSE_SECONDS / 2)
        for output in self.outputs:
            output.close(max(0.5, limit - time.monotonic()))
        for close in self._closing:
            close()
        if self.folder is not None:
            self.folder.close()

    def _machine(self, camera: str) -> AlertMachine:
        if camera not in self._machines:
            self._machines[camera] = AlertMachine(self.rule_of(camera))
        return self._machines[camera]

    def _change(self, changes: list[AlertChange]) -> int:
        for change in changes:
            self.recorder.change(change)
        return sum(change.kind == "new" for change in changes)

    def _publish(self, event: AlertEvent) -> None:
        with self._lock:
            if event.event in ("new", "update"):
                self._open[event.id] = event
            else:
                self._open.pop(event.id, None)
        for output in self.outputs:
            output.send(event)
