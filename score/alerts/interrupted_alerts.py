"""Alerts that were open when a watch was killed: the next watch on the folder ends them.

open/ID.json holds the latest event of each open alert. Its end has the number after that, as the end which
may have been sent just before the kill: by (id, number) receivers see that both are one.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

from pydantic import ValidationError

from extract.runtime.atomic import sweep, write_text
from extract.runtime.foreign.foreign_error import ForeignFileError
from extract.runtime.foreign.text_files import read_text
from score.alerts.alert_event import AlertEvent, iso_time
from score.alerts.alert_names import NAME

OPEN = "open"
LARGEST = 1 << 16  # bytes of an event
REASON = "the watch was interrupted"


class InterruptedAlerts:
    """root: of the alerts' folder. Raises OSError."""

    def __init__(self, root: Path):
        self.folder = root / OPEN
        self.folder.mkdir(exist_ok=True)
        sweep(self.folder)

    def opened(self, event: AlertEvent) -> None:
        """Note an event of an alert that is open. Raises OSError."""
        write_text(self._path(event.id), event.line(), durable=False)

    def ended(self, alert_id: str) -> None:
        self._path(alert_id).unlink(missing_ok=True)

    def ends(self, *, now: float | None = None) -> Iterator[AlertEvent]:
        """The ends of what an earlier watch left open, oldest first. now: Unix time."""
        for path in sorted(self.folder.glob("*.json")):
            if not NAME.fullmatch(path.stem):
                continue
            try:
                event = AlertEvent.model_validate_json(read_text(path, largest=LARGEST))
            except (ForeignFileError, ValidationError):
                event = None
            if event is not None and event.id == path.stem and event.event in ("new", "update"):
                changes = {"time": iso_time(time.time() if now is None else now), "event": "end"}
                yield event.model_copy(update={**changes, "number": event.number + 1, "reason": REASON})
            path.unlink(missing_ok=True)

    def _path(self, alert_id: str) -> Path:
        return self.folder / f"{alert_id}.json"
