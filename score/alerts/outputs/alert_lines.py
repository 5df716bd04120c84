"""A line on the terminal when an alert begins and when it ends."""

from __future__ import annotations

from extract.runtime.say import say
from score.alerts.alert_event import AlertEvent
from score.alerts.outputs.output import QueueThread


class AlertLines(QueueThread[AlertEvent]):
    """Says them on stdout, from a thread, because a terminal can be held."""

    def __init__(self):
        super().__init__("terminal")

    def send(self, event: AlertEvent) -> None:
        if event.event in ("new", "end"):
            self.put(event)

    def deliver(self, item: AlertEvent) -> None:
        say(alert_line(item))


def alert_line(event: AlertEvent) -> str:
    """One line: which camera, when, how high, and why it ended."""
    where = event.camera + (f" ({event.place})" if event.place else "")
    what = f", {event.event_class}" if event.event_class else ""
    if event.event == "new":
        return f"alert {event.id}: {where} from {event.start}, score {event.peak_score:.3f}{what}"
    seconds = event.end_seconds - event.start_seconds
    kept = f", {event.clip}" if event.clip else ""
    return f"over  {event.id}: {seconds:.1f} s, peak {event.peak_score:.3f}{what} ({event.reason}){kept}"
