"""Writes what is kept of one alert; a full disk costs its files, never the alert."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection
from dataclasses import dataclass, field, replace

from extract.runtime.foreign.foreign_error import one_line
from extract.store import StoreError
from score.alerts.alert_change import AlertChange
from score.alerts.alert_event import AlertEvent
from score.alerts.alert_folder import FEATURES, AlertFolder
from score.alerts.clips.camera_ring import CameraRing, Moment
from score.alerts.clips.clip_writer import write_clip
from score.alerts.interrupted_alerts import InterruptedAlerts
from score.alerts.kept_files import KeptFiles

PRUNE_SECONDS = 60.0


@dataclass
class KeptAlert:
    """An alert whose end was not published yet.

    number: of its next event. pictured: the peak score of its picture. clipped: its clip is written, or about
    to be. kept: what is there.
    """

    change: AlertChange
    number: int = 0
    pictured: float = -1.0
    clipped: bool = False
    kept: KeptFiles = field(default_factory=KeptFiles)


class AlertFiles:
    """fail: gets one line for what could not be written; no method raises because of the disk."""

    def __init__(self, folder: AlertFolder, fail: Callable[[str], None]):
        self.folder, self._fail = folder, fail
        self.interrupted = InterruptedAlerts(folder.root)
        self._pruned = float("-inf")

    def record(self, alert_id: str) -> None:
        """Note the alert, so that its files can be removed one day."""
        try:
            self.folder.record(alert_id)
        except OSError as error:
            self._fail(f"{self.folder.root}: {one_line(error)}")

    def note(self, event: AlertEvent) -> None:
        """Note that an alert is open, or over, in case this process is killed."""
        try:
            if event.event == "end":
                self.interrupted.ended(event.id)
            else:
                self.interrupted.opened(event)
        except OSError as error:
            self._fail(f"{self.folder.root}: {one_line(error)}")

    def picture(self, alert: KeptAlert, ring: CameraRing) -> None:
        """Write the frame at the peak, unless that of a higher peak is there."""
        if alert.change.peak_score <= alert.pictured:
            return
        picture = ring.nearest(alert.change.peak_seconds)
        if picture is None:
            return
        try:
            name = self.folder.write_picture(alert.change.alert_id, picture.jpeg)
        except OSError as error:
            self._fail(f"a picture could not be kept: {one_line(error)}")
        else:
            alert.kept, alert.pictured = replace(alert.kept, picture=name), alert.change.peak_score

    def write(self, alert: KeptAlert, moment: Moment) -> None:
        """Write the clip and its features."""
        alert_id, name = alert.change.alert_id, f"clips/{alert.change.alert_id}.mp4"
        try:
            write_clip(self.folder.clip(alert_id), moment.pictures)
            alert.kept = replace(alert.kept, clip=name)
        except (OSError, ValueError) as error:
            self._fail(f"a clip could not be kept: {one_line(error)}")
        try:
            if self.folder.stores.write(alert_id, moment, source=name):
                alert.kept = replace(alert.kept, features=FEATURES)
        except StoreError as error:
            self._fail(f"features could not be kept: {one_line(error)}")

    def prune(self, open_ids: Collection[str]) -> None:
        """Remove what is too old or too much, once a minute at most."""
        now = time.monotonic()
        if now - self._pruned < PRUNE_SECONDS:
            return
        self._pruned = now
        try:
            self.folder.prune(open_ids=open_ids)
        except OSError as error:
            self._fail(f"{self.folder.root}: old alerts could not be removed: {one_line(error)}")
