"""Rows with named values, of a table or a JSON file, as events or as a label per frame."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from data_lists.truths.annotation import (
    ANOMALY,
    FRAMES,
    SECONDS,
    Annotation,
    Counting,
    Event,
    FoundTruth,
    class_of,
    video_name,
)
from data_lists.truths.label_values import labels_of
from data_lists.truths.truth_columns import PAIRS, pair_of, plain_column, use_of
from data_lists.video import NORMAL
from extract.runtime.foreign.foreign_error import ForeignFileError
from extract.runtime.foreign.printable import printable
from extract.runtime.text import listed

CLOCK = re.compile(r"(?:(\d+):)?(\d+):(\d+(?:\.\d*)?)")
# What people write instead of a start and an end where a video has no event. NaN is a mistake.
NOTHING = {"", "-1", "-1.0", "none", "null", "na"}
# Positions of labels beyond this belong to no video.
LONGEST_VIDEO = 1 << 31


@dataclass(frozen=True)
class Row:
    """values: by column name as written. where: such as "line 3"."""

    where: str
    values: Mapping[str, Any]


def truths_of_rows(
    path: Path, rows: Sequence[Row], *, unit: str | None = None, name: str = "", form: str = "rows"
) -> list[FoundTruth]:
    """The rows as a truth; as several where a column names annotators.

    unit: of columns that state none. name: of the video, for rows without a column for it. Raises
    ForeignFileError for rows that are no truth, with what is wrong in them.
    """
    columns = list(dict.fromkeys(column for row in rows for column in row.values))
    uses = use_of(columns)
    pair = pair_of(uses)
    if not rows or (pair is None and "flag" not in uses):
        raise ForeignFileError(path, f"{_lacks(columns)}")
    if "video" not in uses and not name:
        raise ForeignFileError(path, f"has no column for the video; its columns are {listed(columns)}")
    unused = [column for column in columns if column and column not in uses.values()]
    notes = (f"columns that were not used: {listed(unused)}",) if unused else ()
    if "annotator" in uses:
        people: dict[str, list[Row]] = {}
        for row in rows:
            people.setdefault(str(row.values.get(uses["annotator"], "")), []).append(row)
    else:
        people = {"": list(rows)}
    found = []
    for person, own in people.items():
        one = _one(path, own, uses, pair, unit=unit, name=name, form=form, notes=notes)
        found.append(replace(one, annotator=person if len(people) > 1 else ""))
    return found


def _one(
    path: Path,
    rows: Sequence[Row],
    uses: Mapping[str, str],
    pair: tuple[str, str, str, float] | None,
    *,
    unit: str | None,
    name: str,
    form: str,
    notes: tuple[str, ...],
) -> FoundTruth:
    by_video: dict[str, list[Row]] = {}
    for row in rows:
        written = str(row.values.get(uses["video"], "") or "") if "video" in uses else name
        if not written.strip():
            raise ForeignFileError(path, f"{row.where}: names no video")
        by_video.setdefault(video_name(written), []).append(row)
    if pair is None:
        _check_places(path, uses)
        annotations = [_labelled(path, each, own, uses) for each, own in by_video.items()]
        return FoundTruth(path, f"{form} with a label per frame", tuple(annotations), notes=notes)
    found_unit, assumed = _unit(rows, uses, pair, unit)
    annotations = [_with_events(path, each, own, uses, pair, found_unit) for each, own in by_video.items()]
    # A column of last frames says so itself.
    last = plain_column(uses.get(pair[1], "")) == "lastframe"
    return FoundTruth(
        path,
        f"{form} with intervals in {found_unit}{', each to its last frame' if last else ''}",
        tuple(annotations),
        counting=Counting(inclusive=last),
        notes=assumed + notes,
        unit_assumed=bool(assumed) and found_unit == FRAMES,
    )


def _unit(
    rows: Sequence[Row], uses: Mapping[str, str], pair: tuple[str, str, str, float], unit: str | None
) -> tuple[str, tuple[str, ...]]:
    """The unit of the pair, and a note where nothing states it."""
    if pair[2]:
        return pair[2], ()
    if unit:
        return unit, ()
    columns = [uses[each] for each in pair[:2] if each in uses]
    written = [str(row.values.get(column, "")).strip() for row in rows for column in columns]
    # A frame is a whole number; a clock or a fraction is a time.
    fraction = any(
        ":" in each or (re.fullmatch(r"[-+]?\d*[.,]\d*", each) and not each.endswith(".0"))
        for each in written
    )
    found = SECONDS if fraction else FRAMES
    return found, (
        f"{' and '.join(columns)} state no unit and were taken as {found}, because "
        f"{'some numbers have fractions' if fraction else 'all numbers are whole'}; if they are not, make a "
        "list with make-list --unit",
    )


def _with_events(
    path: Path,
    name: str,
    rows: Sequence[Row],
    uses: Mapping[str, str],
    pair: tuple[str, str, str, float],
    unit: str,
) -> Annotation:
    events, normal_class = [], ""
    for row in rows:
        label = str(row.values.get(uses.get("class", ""), "") or "").strip()
        start = _cell(row, uses, pair[0])
        end = _cell(row, uses, pair[1])
        length = _cell(row, uses, "duration") if pair[1] not in uses else ""
        if {start.casefold(), end.casefold()} <= NOTHING:
            normal_class = label or normal_class
            continue
        first = _number(path, row, start, uses[pair[0]], unit) / pair[3]
        if pair[1] in uses:
            last = _number(path, row, end, uses[pair[1]], unit) / pair[3]
        else:
            last = first + _number(path, row, length, uses["duration"], unit) / pair[3]
        events.append(Event(first, last, unit, label, row.where))
    return Annotation(
        name,
        tuple(events),
        num_frames=_whole(path, rows, uses, "num_frames"),
        event_class=normal_class,
        fps=_shared(path, rows, uses, "fps"),
        seconds=_shared(path, rows, uses, "video_seconds"),
        where=rows[0].where,
    )


def _check_places(path: Path, uses: Mapping[str, str]) -> None:
    """Rows with a label each that are no frames, or are half an interval. Raises ForeignFileError."""
    wrong = next((uses[use] for use in ("time", "segment") if use in uses and "frame" not in uses), None)
    if wrong is not None:
        raise ForeignFileError(
            path, f"has a label per {wrong}, not per frame; give intervals with a start and an end instead"
        )
    half = next((uses[use] for pair in PAIRS for use in pair[:2] if use in uses), None)
    if half is not None:
        raise ForeignFileError(
            path, f"has {half} and no column beside it that makes an interval of it; give a start and an end"
        )


def _labelled(path: Path, name: str, rows: Sequence[Row], uses: Mapping[str, str]) -> Annotation:
    """One row is one frame; a column that numbers frames or rows is obeyed and must leave none out."""
    values = [_flag(path, row, uses["flag"]) for row in rows]
    try:
        labels = labels_of(values)
    except ValueError as error:
        raise ForeignFileError(path, f"{name} {error}") from None
    place = next((use for use in ("frame", "row") if use in uses), None)
    if place is not None:
        frames = np.array(
            [_number(path, row, _cell(row, uses, place), uses[place] or place, FRAMES) for row in rows]
        )
        order = np.argsort(frames, kind="stable")
        if place == "row":
            frames -= frames[order[0]]
        first = frames[order[0]]
        expected = first + np.arange(len(frames))
        if first not in (0, 1) or not np.array_equal(frames[order], expected):
            apart = frames[order][frames[order] != expected]
            wrong = int(apart[0]) if len(apart) else int(first)
            raise ForeignFileError(
                path,
                f"{name}: {len(frames)} rows, but {place} {wrong} does not fit; expected all, from 0 or 1",
            )
        labels = labels[order]
    return Annotation(name, labels=labels, num_frames=len(labels), where=rows[0].where)


def _flag(path: Path, row: Row, column: str) -> float:
    written = str(row.values.get(column, "")).strip()
    try:
        return float(written)
    except ValueError:
        pass
    if written and written.casefold() in ("true", "false"):
        return float(written.casefold() == "true")
    found = class_of(written) if written else ""
    if found in (NORMAL, ANOMALY):
        return float(found == ANOMALY)
    raise ForeignFileError(path, f"{row.where}: {column} is {printable(written)!r}, expected 0 or 1")


def _cell(row: Row, uses: Mapping[str, str], use: str) -> str:
    value = row.values.get(uses[use]) if use in uses else None
    return "" if value is None else str(value).strip()


def _number(path: Path, row: Row, text: str, column: str, unit: str) -> float:
    """Seconds as a number or a clock time, or frames as a whole number. Raises ForeignFileError."""
    clock = CLOCK.fullmatch(text.replace(",", "."))
    if clock and unit == SECONDS:
        hours, minutes, seconds = clock.groups()
        return int(hours or 0) * 3600 + int(minutes) * 60 + float(seconds)
    try:
        value = float(text.replace(",", ".")) if unit == SECONDS else float(text)
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise ForeignFileError(
            path, f"{row.where}: {column} is {printable(text)!r}, expected a number of {unit}"
        )
    if unit == FRAMES and value != int(value):
        raise ForeignFileError(path, f"{row.where}: {column} is {text}, expected a whole frame")
    return value


def _shared(path: Path, rows: Sequence[Row], uses: Mapping[str, str], use: str) -> float | None:
    """The one value of a column that describes the video; None where no row has it."""
    if use not in uses:
        return None
    values = {
        _number(path, row, text, uses[use], SECONDS) for row in rows if (text := _cell(row, uses, use)) != ""
    }
    if len(values) > 1:
        shown = " and ".join(f"{each:g}" for each in sorted(values)[:2])
        raise ForeignFileError(path, f"{rows[0].where}: {uses[use]} of one video is {shown}")
    return values.pop() if values else None


def _whole(path: Path, rows: Sequence[Row], uses: Mapping[str, str], use: str) -> int | None:
    value = _shared(path, rows, uses, use)
    if value is not None and not (value == int(value) and 0 < value < LONGEST_VIDEO):
        raise ForeignFileError(
            path, f"{rows[0].where}: {uses[use]} is {value:g}, expected a number of frames"
        )
    return None if value is None else int(value)


def _lacks(columns: Sequence[str]) -> str:
    if not columns:
        return "holds no rows"
    return (
        f"has neither a start and an end of events nor a label per frame; its columns are {listed(columns)} "
        "(expected such as video, start_frame, end_frame, or start_time, end_time, or frame, label)"
    )
