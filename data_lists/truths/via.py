"""VGG Image Annotator 3 (video): temporal segments in seconds, from its project (JSON) or its CSV export.

Its metadata has `z`, [start, end], for a segment; regions and single points in time are no intervals.
"""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

from data_lists.truths.annotation import SECONDS, Annotation, Event, FoundTruth, video_name
from extract.runtime.foreign.foreign_error import ForeignFileError, reading
from extract.runtime.text import counted

FORM = "VIA, temporal segments in seconds"
HEADER = "CSV_HEADER"


def is_via(content: Any) -> bool:
    return isinstance(content, dict) and (
        {"metadata", "file"} <= content.keys() or "_via_img_metadata" in content or "_via_settings" in content
    )


def via_of_json(path: Path, content: dict[str, Any]) -> FoundTruth:
    """Raises ForeignFileError."""
    if "metadata" not in content:
        raise ForeignFileError(
            path, "is a project of VIA 2 for images, which has no temporal segments; use VIA 3"
        )
    with reading(path, "JSON of VIA"):
        files = {str(key): str(value["fname"]) for key, value in content["file"].items()}
        # A view shows one file; segments belong to views.
        views = {
            str(key): [str(fid) for fid in value["fid_list"]]
            for key, value in content.get("view", {}).items()
        }
        options = {
            str(key): value.get("options") or {} for key, value in content.get("attribute", {}).items()
        }
        segments = []
        for key, each in content["metadata"].items():
            names = [files[fid] for fid in views.get(str(each["vid"]), [str(each["vid"])])]
            labels = [
                str(options.get(str(attribute), {}).get(str(value), value))
                for attribute, value in (each.get("av") or {}).items()
            ]
            segments += [(name, each.get("z") or [], labels, f"metadata {key!r}") for name in names]
    return _found(path, list(files.values()), segments)


def via_of_csv(path: Path, text: str) -> FoundTruth | None:
    """None for a text without VIA's header. Raises ForeignFileError."""
    lines = text.splitlines()
    header = next((line for line in lines if line.startswith("#") and HEADER in line), None)
    if header is None:
        return None
    columns = [name.strip().strip('"') for name in header.partition("=")[2].split(",")]
    names: list[str] = []
    segments = []
    with reading(path, "CSV of VIA"):
        for number, line in enumerate(lines, 1):
            if line.startswith("#") or not line.strip():
                continue
            (cells,) = csv.reader([line], skipinitialspace=True)
            if len(cells) != len(columns):
                raise ForeignFileError(
                    path, f"line {number}: {len(cells)} cells, the header has {len(columns)}"
                )
            row = dict(zip(columns, cells, strict=True))
            files = json.loads(row["file_list"])
            if "temporal_coordinates" in row:
                times = json.loads(row["temporal_coordinates"])
            else:
                times = [float(row["temporal_segment_start"]), float(row["temporal_segment_end"])]
            labels = [str(value) for value in json.loads(row.get("metadata") or "{}").values()]
            names += files
            segments += [(name, times, labels, f"line {number}") for name in files]
    return _found(path, names, segments)


def _found(path: Path, names: list[str], segments: list[tuple[str, Any, list[str], str]]) -> FoundTruth:
    events: dict[str, list[Event]] = {name: [] for name in dict.fromkeys(map(video_name, names))}
    points = 0
    for name, times, labels, where in segments:
        if not isinstance(times, list) or not all(isinstance(each, (int, float)) for each in times):
            raise ForeignFileError(
                path, f"{where}: times {str(times)[:60]}, expected [start, end] in seconds"
            )
        if len(times) != 2:
            points += 1
            continue
        label = next((each for each in labels if each), "")
        events[video_name(name)].append(Event(times[0], times[1], SECONDS, label, where))
    notes = (
        (f"{counted(points, 'region')} or points in time, which are no intervals, were left out",)
        if points
        else ()
    )
    annotations = tuple(Annotation(name, tuple(each), where=f"file {name}") for name, each in events.items())
    return FoundTruth(path, FORM, annotations, notes=notes)
