"""When alerts of one camera start, change and end, once more: slow, from the whole past at every step.

Written from the guide, not from AlertMachine: covered time is measured on sets of hundredths of a second.
"""

from __future__ import annotations

import math

from score.alerts.alert_rule import AlertRule
from score.alerts.watch_events import CameraState, LiveSegment

TICKS = 100  # a second; times in tests are whole ticks


def slow_changes(rule: AlertRule, steps: list[LiveSegment | CameraState]) -> list[tuple]:
    """(kind, start, end, peak score, peak seconds, reason) of every change, in order."""
    found: list[tuple] = []
    for number in range(len(steps)):
        found += _at(rule, steps[: number + 1], found)
    if _open(found):
        found.append(_ended(rule, steps, found, "the watch ended"))
    return [each[:6] for each in found]


def _open(found: list[tuple]) -> bool:
    return bool(found) and found[-1][0] != "end"


def _ticks(segments: list[LiveSegment]) -> set[int]:
    return {
        tick
        for each in segments
        for tick in range(round(each.time_span[0] * TICKS), round(each.time_span[1] * TICKS))
    }


def _seconds(of: list[LiveSegment], without: list[LiveSegment]) -> float:
    return len(_ticks(of) - _ticks(without)) / TICKS


def _score(segment: LiveSegment) -> float:
    return segment.score if math.isfinite(segment.score) else 0.0


def _median(segments: list[LiveSegment], least: int) -> float:
    scores = sorted([_score(each) for each in segments] + [0.0] * max(0, least - len(segments)))
    middle = len(scores) // 2
    return scores[middle] if len(scores) % 2 else (scores[middle - 1] + scores[middle]) / 2


def _segments(steps) -> list[LiveSegment]:
    return [each for each in steps if isinstance(each, LiveSegment)]


def _is_break(rule: AlertRule, segments: list[LiveSegment], number: int) -> bool:
    """Whether the median starts over at a segment."""
    if number == 0 or segments[number].restarted:
        return True
    return segments[number].time_span[0] - max(e.time_span[1] for e in segments[:number]) > rule.gap_seconds


def _window(rule: AlertRule, segments: list[LiveSegment], number: int, since: int) -> list[LiveSegment]:
    first = max(since, number + 1 - rule.median_segments)
    breaks = [n for n in range(since, number + 1) if _is_break(rule, segments, n)]
    return segments[max([first, *breaks[-1:]]) : number + 1]


def _at(rule: AlertRule, steps, found: list[tuple]) -> list[tuple]:
    """The changes at the last step.

    Rows end with the numbers of three segments: the newest, the alert's first, and the first since the end of
    the alert before.
    """
    segments = _segments(steps)
    if isinstance(steps[-1], CameraState):
        return _at_state(rule, steps, found)
    if _open(found):
        gap = segments[-1].time_span[0] - max(e.time_span[1] for e in segments[:-1])
        if gap > rule.lost_seconds:
            over = _ended(rule, steps[:-1], found, "no segments for too long")
            return [over, *_maybe_new(rule, segments, found + [over])]
        return _go_on(rule, segments, found)
    return _maybe_new(rule, segments, found)


def _at_state(rule: AlertRule, steps, found: list[tuple]) -> list[tuple]:
    state = steps[-1]
    if not _open(found):
        return []
    if state.connection == "ended":
        return [_ended(rule, steps, found, "the stream ended")]
    lost = []
    for each in reversed(steps):
        if isinstance(each, LiveSegment) or each.connection == "live":
            break
        lost.append(each.time)
    if lost and state.time - min(lost) >= rule.lost_seconds:
        return [_ended(rule, steps, found, "the camera was lost")]
    return []


def _maybe_new(rule: AlertRule, segments: list[LiveSegment], found: list[tuple]) -> list[tuple]:
    ends = [each for each in found if each[0] == "end"]
    since = ends[-1][6] if ends else 0
    not_before = ends[-1][2] + rule.cool_down_seconds if ends else -math.inf
    number, first = len(segments) - 1, None  # first: where what is high began, of a run that lasts
    for n in range(since, number + 1):
        if _is_break(rule, segments, n):
            first = None
        window = _window(rule, segments, n, since)
        median = _median(window, rule.median_segments)
        if first is None:
            may = [
                m
                for m in range(n + 1 - len(window), n + 1)
                if _score(segments[m]) >= rule.threshold and segments[m].time_span[0] >= not_before
            ]
            first = may[0] if median >= rule.threshold and may else None
        elif median < rule.off:
            first = None
    if first is None or _seconds(segments[first:], segments[:first]) < rule.minimum_seconds:
        return []
    peak = max(segments[first:], key=_score)
    return [
        (
            "new",
            segments[first].time_span[0],
            segments[-1].time_span[1],
            _score(peak),
            sum(peak.time_span) / 2,
            "",
            number,
            first,
            since,
        )
    ]


def _shape(rule: AlertRule, segments: list[LiveSegment], found: list[tuple]):
    """(new, last high segment's number, its end, peak) of the open alert."""
    new = [each for each in found if each[0] == "new"][-1]
    high, end = new[6], new[2]
    for n in range(new[6] + 1, len(segments)):
        if _median(_window(rule, segments, n, new[8]), 0) >= rule.off:
            high, end = n, max(end, segments[n].time_span[1])
    return new, high, end, max(segments[new[7] :], key=_score)


def _ended(rule: AlertRule, steps, found: list[tuple], reason: str) -> tuple:
    segments = _segments(steps)
    new, _, end, peak = _shape(rule, segments, found)
    return "end", new[1], end, _score(peak), sum(peak.time_span) / 2, reason, len(segments), new[7], new[8]


def _go_on(rule: AlertRule, segments: list[LiveSegment], found: list[tuple]) -> list[tuple]:
    new, high, end, peak = _shape(rule, segments, found)
    quiet = _seconds(segments[high + 1 :], segments[: high + 1])
    if quiet and quiet >= rule.quiet_seconds:
        return [_ended(rule, segments, found, "quiet")]
    sent = found[-1]
    if (
        segments[-1].time_span[1] - segments[sent[6]].time_span[1] < rule.update_seconds
        and _score(peak) < sent[3] + rule.update_rise
    ):
        return []
    row = "update", new[1], end, _score(peak), sum(peak.time_span) / 2, "", len(segments) - 1
    return [(*row, new[7], new[8])]
