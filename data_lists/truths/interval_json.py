"""Intervals or labels in a JSON file without a format of its own.

{"VIDEO": [[start, end], ...]}      {"VIDEO": {"segments": [[start, end], ...], "label": "Fight"}}
{"VIDEO": [0, 0, 1, ...]}           [{"video": "VIDEO", "start_time": 1.5, "end_time": 4, "label": "Fight"}]
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from data_lists.truths.annotation import Annotation, FoundTruth, video_name
from data_lists.truths.interval_rows import Row, truths_of_rows
from data_lists.truths.label_values import labels_of
from data_lists.truths.truth_columns import use_of
from extract.runtime.foreign.foreign_error import ForeignFileError

LABELS = ("frame_annotations", "frame_labels", "labels", "gt", "truth")
EVENTS = (
    "intervals segments spans events annotations anomaly_spans timestamps anomalies windows segment interval"
).split()
DESCRIBES = (
    "label class event_class category fps frame_rate num_frames frames n_frames nframes total_frames "
    "frame_count"
).split()
LISTS = ("videos", "annotations", "data", "items", "events")


def truths_in_json(path: Path, content: Any, *, unit: str | None = None, name: str = "") -> list[FoundTruth]:
    """Raises ForeignFileError."""
    if (
        isinstance(content, dict)
        and name
        and not any(isinstance(each, (list, dict)) for each in content.values())
    ):
        content = [content]
    if isinstance(content, dict):
        lists = [content[key] for key in LISTS if _is_list_of_objects(content.get(key))]
        own = any(key in content for key in (*LABELS, *EVENTS)) and name
        if own:
            content = {name: content}
        elif lists:
            content = lists[0]
    if isinstance(content, dict):
        items = [(str(key), value, f"video {key!r}") for key, value in content.items()]
    elif isinstance(content, list) and all(isinstance(each, dict) for each in content):
        items = [(_name_in(each) or name, each, f"entry {place}") for place, each in enumerate(content, 1)]
    else:
        raise ForeignFileError(path, 'expected {"VIDEO": [[start, end], ...], ...} or a list of objects')
    rows: list[Row] = []
    labelled: list[Annotation] = []
    for video, value, where in items:
        labels = _labels(value)
        if labels is None:
            rows += _rows(path, video, value, where)
            continue
        try:
            known = labels_of(labels)
        except ValueError as error:
            raise ForeignFileError(path, f"{where}: {error}") from None
        labelled.append(Annotation(video_name(video), labels=known, num_frames=len(known), where=where))
    if labelled and rows:
        raise ForeignFileError(
            path,
            f"{labelled[0].where} has a label per frame, {rows[0].where} has intervals; expected one form",
        )
    if labelled:
        return [FoundTruth(path, "JSON with a label per frame", tuple(labelled))]
    return truths_of_rows(path, rows, unit=unit, form="JSON")


def _is_list_of_objects(value: Any) -> bool:
    return isinstance(value, list) and bool(value) and all(isinstance(each, dict) for each in value)


def _name_in(entry: dict[str, Any]) -> str:
    column = use_of(list(entry)).get("video")
    return str(entry[column]) if column else ""


def _labels(value: Any) -> list | None:
    """A row of numbers that is a label per frame; None for anything else."""
    if isinstance(value, dict):
        value = next((value[key] for key in LABELS if isinstance(value.get(key), list)), None)
    flat = isinstance(value, list) and value and all(isinstance(each, (int, float)) for each in value)
    if not flat:
        return None
    # Pairs in a row, as "start, end, start, end", rise; labels do not.
    rises = len(value) % 2 == 0 and all(one < other for one, other in zip(value, value[1:], strict=False))
    return None if rises and value != [0, 1] else value


def _rows(path: Path, video: str, value: Any, where: str) -> Iterator[Row]:
    shared: dict[str, Any] = {"video": video}
    events = value
    if isinstance(value, dict):
        key = next((each for each in EVENTS if isinstance(value.get(each), list)), None)
        if key is None:  # the entry is one event, or a video without any
            yield Row(where, {**value, **shared})
            return
        column = use_of(list(value)).get("video")
        shared |= {
            each: own
            for each, own in value.items()
            if each not in (key, column) and each in DESCRIBES and not isinstance(own, (list, dict))
        }
        events = value[key]
    if not isinstance(events, list):
        raise ForeignFileError(path, f"{where}: {type(events).__name__}, expected [[start, end], ...]")
    if events and all(isinstance(each, (int, float)) for each in events):
        if len(events) % 2:
            raise ForeignFileError(path, f"{where}: {len(events)} numbers, expected pairs of start and end")
        events = list(zip(events[::2], events[1::2], strict=True))
    if not events:
        yield Row(where, {**shared, "start": None, "end": None})
    for event in events:
        yield Row(where, {**shared, **_event(path, event, where)})


def _event(path: Path, event: Any, where: str) -> dict[str, Any]:
    if isinstance(event, dict):
        pair = next((event[key] for key in ("segment", "interval", "span") if key in event), None)
        if pair is None:
            return event
        rest = {
            key: value for key, value in event.items() if key not in ("segment", "interval", "span", "id")
        }
        return rest | _event(path, pair, where)
    numbers = isinstance(event, (list, tuple)) and all(isinstance(each, (int, float, str)) for each in event)
    if numbers and len(event) in (2, 3):
        label = {"label": event[2]} if len(event) == 3 else {}
        return {"start": event[0], "end": event[1]} | label
    raise ForeignFileError(path, f"{where}: {str(event)[:60]!r}, expected [start, end]")
