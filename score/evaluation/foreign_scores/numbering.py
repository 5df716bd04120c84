"""How the positions of a source are counted, decided once for all its videos and reported.

Frames count from 1 if every video of the source begins at 1, else from 0. A stop is the last frame itself if
every following row starts one frame later, else the frame after it. Columns without a unit are frames; they
are seconds where they have fractions, or where a rate was given and as frames they would cover less than half
of each video.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from score.evaluation.foreign_scores.score_rows import FRAMES, INDEX, ROWS, SECONDS, UNKNOWN, Positions


@dataclass(frozen=True)
class Numbering:
    """first: the number of the first frame or segment. inclusive: a stop is the last frame. unit: of columns
    that name none."""

    first: int = 0
    inclusive: bool = False
    unit: str = FRAMES


def numbering_of(
    positions: Mapping[str, Positions],
    lengths: Mapping[str, int | None],
    *,
    rate: float | None = None,
    first: int | None = None,
) -> Numbering:
    """positions, lengths: by video; lengths in frames, None if unknown. rate: that the user gave, in frames
    per second. first: 0 or 1 if the user said so."""
    counted = {name: each for name, each in positions.items() if not each.exact}
    if not counted:
        return Numbering()
    unit = _unit(counted, lengths, rate)
    whole = all(_whole(each) for each in counted.values())
    # Times of spans begin where they say; only a column of whole seconds may number them from 1.
    timed = unit == SECONDS or any(each.unit == SECONDS for each in counted.values())
    may_begin_at_one = whole and not (timed and any(each.stop is not None for each in counted.values()))
    from_one = (
        first == 1
        if first is not None
        else may_begin_at_one and all(_lowest(each) == 1 for each in counted.values())
    )
    inclusive = (
        whole
        and not timed
        and _inclusive(counted, lengths)
        # The last frame of a row is one of the video.
        and all(_highest(each) - from_one < (lengths.get(name) or np.inf) for name, each in counted.items())
    )
    if first is None:
        first = int(from_one and not _ends_right(counted, lengths, inclusive))
    return Numbering(first, inclusive, unit)


def doubt_of_points(
    found: Numbering, positions: Mapping[str, Positions], *, rates: Mapping[str, float | None]
) -> str:
    """Why rows of one place each cannot be where their stretch of frames begins; "" if they can.

    Where the first row of every video stands half a step or more after the beginning, its place is the middle
    or the end of what it covers, or the first row is lost. rates: frames per second by video.
    """
    late = []
    for name, each in positions.items():
        if each.exact or each.start is None or each.stop is not None or each.unit in (ROWS, INDEX):
            return ""
        seconds = (found.unit if each.unit == UNKNOWN else each.unit) == SECONDS
        places = np.unique(each.start - (0 if seconds and not _whole(each) else found.first))
        step = float(np.median(np.diff(places))) if len(places) > 1 else 0.0
        frames = step * ((rates.get(name) or 0.0) if seconds else 1.0)
        # Of rows that are one frame apart, one at most is missing.
        if frames < 1.5 or places[0] < step / 2 - 1e-6:
            return ""
        late.append((name, each, step))
    if not late:
        return ""
    name, each, step = late[0]
    return (
        f"{each.name} begins at {each.start.min():g} in rows that are {step:g} apart, in every video (as in "
        f"{name}), so it may be the middle or the end of what a row covers; give its start and stop instead"
    )


def numbering_note(found: Numbering, positions: Mapping[str, Positions]) -> list[str]:
    """What was decided, if any position left it open."""
    names = sorted({each.name for each in positions.values() if not each.exact})
    if not names:
        return []
    units = {
        found.unit if each.unit == UNKNOWN else each.unit for each in positions.values() if not each.exact
    }
    parts = ["in seconds" if SECONDS in units else f"counted from {found.first}"]
    if SECONDS in units and found.first:
        parts.append("counted from 1")
    if found.inclusive:
        parts.append("the last frame included")
    return [f"positions are read from {', '.join(names)}, {', '.join(parts)}"]


def _unit(counted: Mapping[str, Positions], lengths: Mapping[str, int | None], rate: float | None) -> str:
    unknown = {name: each for name, each in counted.items() if each.unit == UNKNOWN}
    if not all(_whole(each) for each in unknown.values()):
        return SECONDS
    known = {name: length for name in unknown if (length := lengths.get(name))}
    if (
        rate is not None
        and rate > 2
        and known
        and all(_highest(unknown[name]) < known[name] / 2 for name in known)
    ):
        return SECONDS
    return next((each.unit for each in counted.values() if each.unit != UNKNOWN), FRAMES)


def _inclusive(counted: Mapping[str, Positions], lengths: Mapping[str, int | None]) -> bool:
    if all(each.stop is None for each in counted.values()):
        return False
    steps = []
    for each in counted.values():
        if each.start is not None and each.stop is not None:
            order = np.argsort(each.start, kind="stable")
            steps.append(each.start[order][1:] - each.stop[order][:-1])
    if not steps:
        # Stops alone: of whole videos the last one is the number of frames, or one less.
        known = [(_highest(each), length) for name, each in counted.items() if (length := lengths.get(name))]
        return bool(known) and all(highest == length - 1 for highest, length in known)
    joined = np.concatenate(steps)
    if not len(joined):
        # No row follows another: frames 5-5 hold something only if the last one counts.
        return any(
            bool((each.start == each.stop).any())
            for each in counted.values()
            if each.start is not None and each.stop is not None
        )
    return bool((joined == 1).any() and not (joined == 0).any())


def _ends_right(counted: Mapping[str, Positions], lengths: Mapping[str, int | None], inclusive: bool) -> bool:
    """Whether half-open spans end with the video if they count from 0."""
    spans = {name: each for name, each in counted.items() if each.start is not None and each.stop is not None}
    return (
        bool(spans)
        and not inclusive
        and any(_highest(each) == lengths.get(name) for name, each in spans.items())
    )


def _values(each: Positions) -> np.ndarray:
    return np.concatenate([part for part in (each.start, each.stop) if part is not None])


def _whole(each: Positions) -> bool:
    values = _values(each)
    return bool(np.array_equal(values, np.floor(values)))


def _lowest(each: Positions) -> float:
    return float(each.place.min())


def _highest(each: Positions) -> float:
    return float(_values(each).max())
