"""Posts events to a webhook, in order, with retries."""

from __future__ import annotations

from score.alerts.alert_delivery import WAITS_SECONDS, Alerts
from score.alerts.alert_event import AlertEvent


class EventWebhook:
    """An Output. `missed` is not posted: nobody has to be called for it. address, waits: as for Alerts."""

    name = "webhook"

    def __init__(self, address: str, *, waits: tuple[float, ...] = WAITS_SECONDS):
        self._alerts = Alerts(None, address, waits=waits)

    @property
    def delivered(self) -> int:
        return self._alerts.posted

    @property
    def failed(self) -> int:
        return self._alerts.given_up + self._alerts.dropped

    @property
    def problem(self) -> str:
        return self._alerts.failed

    def send(self, event: AlertEvent) -> None:
        if event.event != "missed":
            self._alerts.send(event.model_dump())

    def close(self, seconds: float) -> None:
        self._alerts.wait(seconds)
        self._alerts.close()
