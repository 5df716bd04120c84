"""The lines of alerts.jsonl that are removed after a time: those of whole alerts, which are over and old."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from datetime import datetime
from pathlib import Path

from extract.runtime.line_files import replace_lines
from score.alerts.alert_names import NAME

OVER = ("end", "missed")


def remove_old_lines(path: Path, is_old: Callable[[str, float], bool]) -> None:
    """Remove the lines of old alerts, while others append. What is no event of an alert that is over stays.

    is_old: gets the id of an alert and the Unix time of its latest event. Raises OSError.
    """
    if not path.exists():
        return
    with open(path, "rb") as file:
        old = _old_alerts(file, is_old)
    if old:
        replace_lines(path, lambda line: _alert_of(line)[0] not in old)


def _old_alerts(lines: Iterable[bytes], is_old: Callable[[str, float], bool]) -> set[str]:
    latest: dict[str, float] = {}
    over: set[str] = set()
    for line in lines:
        alert_id, event, when = _alert_of(line)
        if alert_id:
            latest[alert_id] = max(when, latest.get(alert_id, when))
            if event in OVER:
                over.add(alert_id)
    return {name for name in over if is_old(name, latest[name])}


def _alert_of(line: bytes) -> tuple[str, str, float]:
    """(id, event, Unix time) of an event; ("", "", 0) for any other line."""
    try:
        found = json.loads(line)
        alert_id, event, when = found["id"], found["event"], datetime.fromisoformat(found["time"])
        if isinstance(alert_id, str) and isinstance(event, str) and NAME.fullmatch(alert_id):
            return alert_id, event, when.timestamp()
    except (ValueError, TypeError, KeyError, OverflowError, RecursionError):
        pass
    return "", "", 0.0
