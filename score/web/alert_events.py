"""The events of alerts in a folder of vad-score watch: JSON lines, of which the newest are read."""

from __future__ import annotations

import json
import os
import stat
from collections.abc import Iterable
from pathlib import Path

from extract.runtime.foreign.foreign_error import ForeignFileError
from extract.runtime.foreign.regular_file import open_regular
from score.alerts.alert_folder import CLIPS, EVENTS, PICTURES
from score.alerts.alert_names import NAME
from score.web.query_values import QueryError, time_of

SUFFIXES = {CLIPS: ".mp4", PICTURES: ".jpg"}
NEWEST_BYTES = 1 << 24  # that are read of a file; an event has 1 kB


class AlertEvents:
    """Raises ValueError if there is no such folder. The file in it may come later."""

    def __init__(self, folder: Path):
        if not folder.is_dir():
            raise ValueError(f"{folder}: no such folder; expected that of vad-score watch --alerts")
        self.file = folder / EVENTS

    def read(self, *, camera: str | None = None, since: float | None = None, limit: int) -> list[dict]:
        """The newest events, oldest first. camera: only of this one. since: Unix time of the first.

        Lines that are no events are passed over: the file may be cut off where somebody writes now.
        """
        events = [event for line in self._lines() if (event := _event_in(line)) is not None]
        if camera is not None:
            events = [event for event in events if event.get("camera") == camera]
        if since is not None:
            events = [event for event in events if (moment := _moment(event)) is not None and moment >= since]
        return events[-limit:]

    def _lines(self) -> list[str]:
        try:
            with open_regular(self.file, expected="events of alerts") as file:
                size = os.fstat(file.fileno()).st_size
                file.seek(max(0, size - NEWEST_BYTES))
                content = file.read(NEWEST_BYTES)
        except ForeignFileError:
            if self.file.exists():
                raise
            return []  # no alert yet
        lines = content.decode("utf-8", "replace").split("\n")
        return lines if size <= NEWEST_BYTES else lines[1:]


def latest(events: Iterable[dict]) -> list[dict]:
    """The last event of each alert, the open ones first, then the newest. events: oldest first."""
    found = {each["id"]: each for each in events if isinstance(each.get("id"), str)}
    newest_first = sorted(found.values(), key=lambda each: str(each.get("start", "")), reverse=True)
    return sorted(newest_first, key=lambda each: each.get("event") not in ("new", "update"))


def kept_file(folder: Path, kind: str, alert_id: str) -> Path | None:
    """A picture or clip of an alert, None if it has none. kind: key of SUFFIXES.

    Nothing but a regular file directly in its folder: no id and no link leads out of it.
    """
    if not NAME.fullmatch(alert_id):
        return None
    path = folder / kind / f"{alert_id}{SUFFIXES[kind]}"
    try:
        return path if stat.S_ISREG(os.lstat(path).st_mode) else None
    except OSError:
        return None


def _event_in(line: str) -> dict | None:
    """An event, None for what is none or could not be sent on as JSON: NaN, and halves of characters."""
    try:
        found = json.loads(line)
        json.dumps(found, allow_nan=False, ensure_ascii=False).encode()
    except (ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) else None


def _moment(event: dict) -> float | None:
    try:
        return time_of(str(event.get("time", "")), "time")
    except QueryError:
        return None
