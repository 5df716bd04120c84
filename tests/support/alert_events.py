"""Events of alerts with little in them."""

from __future__ import annotations

from score.alerts.alert_change import AlertChange, Kind
from score.alerts.alert_event import AlertEvent, EventTexts, event_of
from score.alerts.kept_files import KeptFiles


def an_event(
    number: int = 0, *, kind: Kind = "new", camera: str = "yard", alert_id: str | None = None
) -> AlertEvent:
    change = AlertChange(
        kind=kind,
        alert_id=alert_id or f"20270115T080000-yard-{number:08x}",
        camera=camera,
        seconds=(1.0, 2.5),
        times=(1_800_000_001.0, 1_800_000_002.5),
        peak_score=0.75,
        peak_seconds=2.0,
        threshold=0.5,
        class_index=1,
        class_probability=0.5,
        reason="quiet" if kind == "end" else "",
    )
    texts = EventTexts(model="mil on motion", place="north gate", event_classes=("Normal", "Fight"))
    return event_of(
        change, number=number, texts=texts, kept=KeptFiles(clip="clips/a.mp4"), now=1_800_000_003.0
    )
