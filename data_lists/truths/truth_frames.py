"""Events as they are written, in seconds or frames, as frames [start, stop) counted from 0."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

from data_lists.truths.annotation import SECONDS, Counting, Event

Spans = tuple[tuple[int, int], ...]
# Containers state durations up to this many seconds longer than their last frame.
SLACK_SECONDS = 0.5
LATEST = 1e9  # frames or seconds; a number beyond it belongs to no video


@dataclass(frozen=True)
class FrameRule:
    """What a caller says about the numbers of a truth.

    fps: rate of videos that state none. first, inclusive: how frames are counted, where the caller says it.
    clip: cut an event that ends after the video at its last frame; otherwise it is refused.
    """

    fps: float | None = None
    first: int | None = None
    inclusive: bool | None = None
    clip: bool = False

    def counting(self, form: Counting) -> Counting:
        return Counting(
            form.first if self.first is None else self.first,
            form.inclusive if self.inclusive is None else self.inclusive,
        )


def span_of(
    event: Event, counting: Counting, *, fps: float | None, num_frames: int | None, clip: bool = False
) -> tuple[int, int]:
    """Frames [start, stop) of an event. Raises ValueError, a sentence with the numbers, if it has none.

    A time t is the border before frame round(t * fps); an event has one frame at least. A time that ends up
    to half a second after the last frame ends with it.
    """
    written = f"{event.start:g}-{event.end:g}{' s' if event.unit == SECONDS else ''}"
    if not (math.isfinite(event.start) and math.isfinite(event.end)):
        raise ValueError(f"event {written} is not a pair of numbers")
    if event.unit == SECONDS:
        start, stop = _of_seconds(event, written, fps)
    else:
        if event.start != int(event.start) or event.end != int(event.end):
            raise ValueError(f"event {written} is in frames, expected whole numbers")
        if event.start < counting.first:
            raise ValueError(f"event {written} begins before frame {counting.first}, the first one")
        if event.end < event.start:
            raise ValueError(f"event {written} ends before it begins")
        start = int(event.start) - counting.first
        stop = int(event.end) - counting.first + counting.inclusive
        if start == stop:
            raise ValueError(f"event {written} has no frame: its end is not part of it (see --end inclusive)")
    if max(start, stop) > LATEST:
        raise ValueError(f"event {written} is later than any video is long")
    if num_frames is None or stop <= num_frames:
        return start, stop
    slack = SLACK_SECONDS * fps if event.unit == SECONDS and fps else 0
    if start < num_frames and (clip or stop - num_frames <= slack):
        return start, num_frames
    frames = f"event {written} is frames {start}-{stop}, "
    if start < num_frames:
        raise ValueError(f"{frames}beyond the {num_frames} frames of the video (--clip cuts it there)")
    raise ValueError(f"{frames}after the {num_frames} frames of the video")


def _of_seconds(event: Event, written: str, fps: float | None) -> tuple[int, int]:
    if event.start < 0:
        raise ValueError(f"event {written} begins before 0")
    if event.end <= event.start:
        raise ValueError(
            f"event {written} {'is empty' if event.end == event.start else 'ends before it begins'}"
        )
    if fps is None:
        raise ValueError(f"event {written} needs the frame rate; give --fps, or --store with the video")
    if event.end * fps > LATEST:
        raise ValueError(f"event {written} is later than any video is long")
    start = round(event.start * fps)
    return start, max(round(event.end * fps), start + 1)


def joined(spans: Iterable[tuple[int, int]]) -> Spans:
    """The union of spans: sorted, without overlap, those that touch as one."""
    found: list[tuple[int, int]] = []
    for start, stop in sorted(spans):
        if found and start <= found[-1][1]:
            found[-1] = found[-1][0], max(found[-1][1], stop)
        else:
            found.append((start, stop))
    return tuple(found)
