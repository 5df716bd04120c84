"""JSON of ActivityNet and THUMOS.

    {"database": {VIDEO: {"annotations": [{"segment": [start, end], "label": LABEL}]}}}

Segments are in seconds. Where a video has no rate, `segment(frames)` of THUMOS is taken instead.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from data_lists.truths.annotation import FRAMES, SECONDS, Annotation, Event, FoundTruth, video_name
from extract.runtime.foreign.foreign_error import ForeignFileError, reading
from extract.runtime.text import listed

FORM = "ActivityNet JSON, segments in seconds"
IN_FRAMES = "segment(frames)"


def is_activitynet(content: Any) -> bool:
    return isinstance(content, dict) and isinstance(content.get("database"), dict)


def activitynet_truth(path: Path, content: dict[str, Any]) -> FoundTruth:
    """Raises ForeignFileError."""
    annotations, subsets = [], {}
    for name, entry in content["database"].items():
        where = f"video {name!r}"
        with reading(path, f"JSON of ActivityNet ({where})"):
            subset = str(entry.get("subset", "")).casefold()
            subsets[subset] = subsets.get(subset, 0) + 1
            fps = _number(entry.get("fps") or entry.get("frame_rate"))
            events = tuple(_event(path, each, where, fps) for each in entry.get("annotations") or ())
            annotations.append(
                Annotation(
                    video_name(name),
                    events,
                    num_frames=int(entry["num_frames"]) if entry.get("num_frames") else None,
                    fps=fps,
                    seconds=_number(entry.get("duration") or entry.get("duration_second")),
                    where=where,
                )
            )
    notes = ()
    if len(subsets) > 1:
        notes = ("subsets: " + listed([f"{name or 'none'} {count}" for name, count in subsets.items()]),)
    return FoundTruth(path, FORM, tuple(annotations), notes=notes)


def _number(value: Any) -> float | None:
    return None if value is None else float(value)


def _event(path: Path, entry: dict[str, Any], where: str, fps: float | None) -> Event:
    in_frames = IN_FRAMES in entry and ("segment" not in entry or fps is None)
    pair = entry.get(IN_FRAMES if in_frames else "segment")
    if (
        not isinstance(pair, list)
        or len(pair) != 2
        or not all(isinstance(each, (int, float)) for each in pair)
    ):
        raise ForeignFileError(path, f"{where}: segment {str(pair)[:60]}, expected [start, end]")
    return Event(pair[0], pair[1], FRAMES if in_frames else SECONDS, str(entry.get("label", "")), where)
