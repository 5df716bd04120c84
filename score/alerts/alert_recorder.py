"""Keeps clips of alerts beside the scoring: one thread makes pictures, another one writes clips.

A change of an alert goes through the first thread, so that it finds the frames that came before it. `end`
goes through the second one, so that the clip that it names is there; nothing else waits for a clip.
"""

from __future__ import annotations

import logging
import queue
import threading
import time
from collections.abc import Callable, Mapping
from concurrent.futures import Future

from extract.runtime.foreign.foreign_error import one_line
from extract.runtime.foreign.printable import printable
from score.alerts.alert_change import AlertChange
from score.alerts.alert_event import AlertEvent, EventTexts, event_of
from score.alerts.alert_files import AlertFiles, KeptAlert
from score.alerts.alert_folder import AlertFolder
from score.alerts.clips.camera_ring import CameraRing
from score.alerts.clips.frame_intake import FrameIntake
from score.alerts.clips.missed_moment import MissedMoment
from score.alerts.kept_files import ClipSettings
from score.alerts.watch_events import LiveFrame, LiveSegment

log = logging.getLogger(__name__)


class AlertRecorder:
    """Publishes an event for every change, after what it names was written. All methods return at once.

    folder: None keeps no files. texts: camera -> what its events say. trail: camera -> seconds that a clip
    goes on after its alert. problem: what could not be kept last, one line, or "".
    """

    def __init__(
        self,
        folder: AlertFolder | None,
        *,
        settings: ClipSettings,
        texts: Mapping[str, EventTexts],
        trail: Callable[[str], float],
        publish: Callable[[AlertEvent], None],
    ):
        self.folder, self.settings, self.problem = folder, settings, ""
        self.intake = FrameIntake(settings.fps)
        self._texts, self._trail, self._publish = texts, trail, publish
        self._rings: dict[str, CameraRing] = {}
        self._open: dict[str, KeptAlert] = {}
        self._work: queue.SimpleQueue[Callable[[], None] | None] = queue.SimpleQueue()
        self._clips: queue.SimpleQueue[Callable[[], None] | None] = queue.SimpleQueue()
        self._files = None if folder is None else AlertFiles(folder, self._fail)
        self._threads = [
            threading.Thread(target=self._run, args=(tasks,), name=name, daemon=True)
            for name, tasks in (("pictures", self._work), ("clips", self._clips))
        ]
        for thread in self._threads:
            thread.start()
        if self._files is not None:
            self._work.put(self._end_interrupted)

    def frame(self, frame: LiveFrame) -> None:
        """At most settings.fps frames per second are kept."""
        if self.folder is None or not self.intake.take(frame):
            return
        self._work.put(lambda: self._add_frame(frame))

    def segment(self, segment: LiveSegment) -> None:
        if self.folder is not None:
            self._work.put(lambda: self._ring(segment.camera).add_segment(segment))

    def change(self, change: AlertChange) -> None:
        self._work.put(lambda: self._take(change))

    def keep_recent(self, camera: str, seconds: float, *, threshold: float) -> Future[AlertEvent]:
        """Keep the last seconds of a camera, because somebody says that an anomaly was missed there.

        The event `missed` is published, too. The future raises ValueError if nothing is in memory.
        """
        kept: Future[AlertEvent] = Future()

        def take() -> None:
            try:
                self._take_recent(MissedMoment(camera, seconds, threshold), kept)
            except Exception as error:
                kept.set_exception(error)

        self._work.put(take)
        return kept

    def close(self, seconds: float) -> None:
        """Finish what was given so far, waiting so long at most."""
        limit = time.monotonic() + seconds
        for thread, tasks in zip(self._threads, (self._work, self._clips), strict=True):
            tasks.put(None)
            thread.join(max(0.0, limit - time.monotonic()))

    def _run(self, tasks: queue.SimpleQueue[Callable[[], None] | None]) -> None:
        while (task := tasks.get()) is not None:
            try:
                task()
            except Exception as error:
                # The thread must survive for later alerts.
                self._fail(f"{type(error).__name__}: {one_line(error)}")

    def _fail(self, problem: str) -> None:
        self.problem = problem
        log.warning("%s", printable(problem))

    def _ring(self, camera: str) -> CameraRing:
        return self._rings.setdefault(camera, CameraRing(camera, self.settings))

    def _add_frame(self, frame: LiveFrame) -> None:
        self.intake.done(frame)
        ring = self._ring(frame.camera)
        ring.add_frame(frame)
        # Of few alerts; a copy, because the other thread removes those that ended.
        for alert in list(self._open.values()):
            start = alert.change.seconds[0] - self.settings.lead_seconds
            if alert.change.camera == frame.camera and not alert.clipped:
                # The beginning is what matters; a long alert must not lose it from memory.
                if frame.seconds - start >= self.settings.longest_seconds or ring.lost_until >= start:
                    self._clip(alert, until=frame.seconds)

    def _take(self, change: AlertChange) -> None:
        alert = self._open.setdefault(change.alert_id, KeptAlert(change))
        alert.change = change
        if self._files is not None:
            if change.kind == "new":
                self._files.record(change.alert_id)
            self._files.picture(alert, self._ring(change.camera))
        number, alert.number = alert.number, alert.number + 1
        if change.kind != "end":
            self._send(event_of(change, number=number, texts=self._text(change.camera), kept=alert.kept))
            return
        if not alert.clipped:
            self._clip(alert, until=change.seconds[1] + self._trail(change.camera))
        self._clips.put(lambda: self._finish(alert, number))

    def _send(self, event: AlertEvent) -> None:
        self._publish(event)
        if self._files is not None:
            self._files.note(event)

    def _end_interrupted(self) -> None:
        assert self._files is not None
        for event in self._files.interrupted.ends():
            self._publish(event)

    def _finish(self, alert: KeptAlert, number: int) -> None:
        texts = self._text(alert.change.camera)
        self._send(event_of(alert.change, number=number, texts=texts, kept=alert.kept))
        self._open.pop(alert.change.alert_id, None)
        if self._files is not None:
            self._files.prune(set(self._open))

    def _clip(self, alert: KeptAlert, *, until: float) -> None:
        alert.clipped = True
        if news := self.intake.news():
            self._fail(news)
        start = alert.change.seconds[0] - self.settings.lead_seconds
        end = min(until, start + self.settings.longest_seconds)
        moment = self._ring(alert.change.camera).between(start, end)
        if (files := self._files) is not None:
            self._clips.put(lambda: files.write(alert, moment))

    def _take_recent(self, missed: MissedMoment, kept: Future[AlertEvent]) -> None:
        files, ring = self._files, self._rings.get(missed.camera)
        change, moment = missed.found(ring)
        assert files is not None and ring is not None  # a ring without a folder has nothing in it
        alert = KeptAlert(change)
        files.record(alert.change.alert_id)
        files.picture(alert, ring)
        self._open[alert.change.alert_id] = alert
        alert.clipped = True

        def finish() -> None:
            files.write(alert, moment)
            event = event_of(alert.change, number=0, texts=self._text(missed.camera), kept=alert.kept)
            event = event.model_copy(update={"event": "missed"})
            self._publish(event)
            self._open.pop(alert.change.alert_id, None)
            kept.set_result(event)

        self._clips.put(finish)

    def _text(self, camera: str) -> EventTexts:
        return self._texts.get(camera, EventTexts())
