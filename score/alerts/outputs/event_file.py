"""The file of alerts: one line of JSON per event."""

from __future__ import annotations

from pathlib import Path

from extract.runtime.line_files import append_line
from score.alerts.alert_event import AlertEvent
from score.alerts.outputs.output import QueueThread


class EventFile(QueueThread[AlertEvent]):
    """Appends complete lines, whoever else reads the file."""

    def __init__(self, path: Path):
        super().__init__("file")
        self.path = path

    def send(self, event: AlertEvent) -> None:
        self.put(event)

    def deliver(self, item: AlertEvent) -> None:
        append_line(self.path, item.line())
