"""The JSON of an alert, one line per change, and its published schema.

alert_event.schema.json next to this file is written by
python -m score.alerts.alert_event > score/alerts/alert_event.schema.json
"""

from __future__ import annotations

import json
from datetime import datetime, timezone
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from extract.runtime.foreign.printable import as_utf8
from score.alerts.alert_change import AlertChange
from score.alerts.kept_files import KeptFiles

FORMAT_VERSION = 1
DIALECT = "https://json-schema.org/draft/2020-12/schema"

# Scores have no bounds here, as in the JSON of predict: a rounded 1.0000000000000002 must not cost an alert.
Score = Annotated[float, Field(description="in [0, 1]; higher is more anomalous")]
Time = Annotated[str, Field(description="ISO 8601, UTC, milliseconds")]
KeptFile = Annotated[str | None, Field(description="relative to the alerts' folder; null if it was not kept")]


class AlertEvent(BaseModel):
    """One change of one alert. Readers ignore keys that they do not know, which later versions may add."""

    model_config = ConfigDict(allow_inf_nan=False, use_attribute_docstrings=True)

    time: Time
    """When this line was made."""
    format_version: Literal[1] = FORMAT_VERSION
    event: Literal["new", "update", "end", "missed"]
    """Each `new` has exactly one `end`; `missed` stands alone: somebody kept the last seconds of a camera."""
    id: str
    """Of the alert: unique over restarts."""
    number: Annotated[int, Field(ge=0)]
    """0 for `new`, then 1, 2, ...: (id, number) is unique, so that receivers can drop what came twice."""
    camera: str
    place: str | None
    """The camera's location in words."""
    start: Time
    end: Time
    """Of what is anomalous, so far."""
    start_seconds: float
    """Since the camera's first frame."""
    end_seconds: float
    peak_score: Score
    peak_seconds: float
    threshold: Score
    event_class: str | None
    """The likeliest event class besides Normal at the peak; null for heads that predict none."""
    class_probability: float | None
    model: str
    """Display name of the model: head, presets and seeds."""
    reason: str
    """Why it ended; "" before."""
    picture: KeptFile
    clip: KeptFile
    features: KeptFile
    """Folder with the feature stores; the id of the clip's features is that of the alert."""

    def line(self) -> str:
        """As one line of JSON."""
        return json.dumps(self.model_dump(), allow_nan=False, ensure_ascii=False)


class EventTexts(BaseModel):
    """What all events of one camera say. event_classes: Normal first; () for heads without classes."""

    model: str = ""
    place: str | None = None
    event_classes: tuple[str, ...] = ()


def event_of(
    change: AlertChange, *, number: int, texts: EventTexts, kept: KeptFiles, now: float | None = None
) -> AlertEvent:
    """The event of a change. now: Unix time, None for the present."""
    classes, index = texts.event_classes, change.class_index
    return AlertEvent(
        time=iso_time(datetime.now(timezone.utc).timestamp() if now is None else now),
        event=change.kind,
        id=change.alert_id,
        number=number,
        camera=as_utf8(change.camera),
        place=None if texts.place is None else as_utf8(texts.place),
        start=iso_time(change.times[0]),
        end=iso_time(change.times[1]),
        start_seconds=change.seconds[0],
        end_seconds=change.seconds[1],
        peak_score=change.peak_score,
        peak_seconds=change.peak_seconds,
        threshold=change.threshold,
        event_class=classes[index] if index is not None and index < len(classes) else None,
        class_probability=change.class_probability,
        model=as_utf8(texts.model),
        reason=change.reason,
        picture=kept.picture,
        clip=kept.clip,
        features=kept.features,
    )


def iso_time(unix: float) -> str:
    """Unix time as 2026-11-30T15:16:17.250+00:00."""
    return datetime.fromtimestamp(unix, timezone.utc).isoformat(timespec="milliseconds")


def schema_text() -> str:
    """The content of alert_event.schema.json."""
    return json.dumps({"$schema": DIALECT, **AlertEvent.model_json_schema()}, indent=2) + "\n"


if __name__ == "__main__":
    print(schema_text(), end="")
