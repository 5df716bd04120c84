"""From scores to intervals: runs of frames that reach the threshold, merged over short gaps.

The viewer page recomputes intervals when its threshold moves: output/intervals.js implements the same rule,
and a test compares the two.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from score.predict.timeline import Timeline


@dataclass(frozen=True)
class IntervalRule:
    """How scores become intervals. Raises ValueError for values out of range."""

    threshold: float = 0.5
    """Frames of this score and above count as anomalous; in [0, 1]."""
    merge_gap_seconds: float = 1.0
    """Intervals at most this far apart are merged."""
    min_seconds: float = 0.0
    """Intervals that are shorter after merging are left out."""

    def __post_init__(self):
        if not 0 <= self.threshold <= 1:
            raise ValueError(f"the threshold is {self.threshold!r}, expected a score from 0 to 1")
        for name in ("merge_gap_seconds", "min_seconds"):
            if not 0 <= getattr(self, name) < float("inf"):
                raise ValueError(f"{name} is {getattr(self, name)!r}, expected 0 or more seconds")


@dataclass(frozen=True)
class Interval:
    """Frames [start_frame, stop_frame) and the times at which they begin and end.

    peak_score: the highest score; peak_frame, peak_seconds: the middle of the first frames with that score.
    mean_score: over all frames. attention: share of the head's attention in this interval, in [0, 1].
    event_class: the likeliest class besides Normal. class_probability: its mean over all frames. Each is None
    for heads that predict none.
    """

    start_frame: int
    stop_frame: int
    start_seconds: float
    end_seconds: float
    peak_score: float
    peak_frame: int
    peak_seconds: float
    mean_score: float
    attention: float | None = None
    event_class: str | None = None
    class_probability: float | None = None


def find_intervals(
    timeline: Timeline, rule: IntervalRule, *, event_classes: Sequence[str] = ()
) -> list[Interval]:
    """The intervals of a video in order. event_classes: names of the timeline's classes, Normal first."""
    seconds = timeline.seconds
    found: list[list[int]] = []  # runs [first, stop)
    for run, above in enumerate((timeline.score >= rule.threshold).tolist()):
        if not above:
            continue
        if found and (found[-1][1] == run or seconds[run] - seconds[found[-1][1]] <= rule.merge_gap_seconds):
            found[-1][1] = run + 1
        else:
            found.append([run, run + 1])
    return [
        _interval(timeline, first, stop, event_classes)
        for first, stop in found
        if seconds[stop] - seconds[first] >= rule.min_seconds
    ]


def _interval(timeline: Timeline, first: int, stop: int, event_classes: Sequence[str]) -> Interval:
    frame, seconds = timeline.frame, timeline.seconds
    runs = slice(first, stop)
    lengths = frame[first + 1 : stop + 1] - frame[runs]
    peak = first + int(timeline.score[runs].argmax())
    event_class = probability = None
    if timeline.class_probability is not None and len(event_classes) > 1:
        # Weighted by frames, because runs differ in length.
        weight = lengths @ timeline.class_probability[runs]  # [K]
        likeliest = 1 + int(weight[1:].argmax())
        event_class, probability = event_classes[likeliest], float(weight[likeliest] / lengths.sum())
    return Interval(
        start_frame=int(frame[first]),
        stop_frame=int(frame[stop]),
        start_seconds=float(seconds[first]),
        end_seconds=float(seconds[stop]),
        peak_score=float(timeline.score[peak]),
        peak_frame=int(frame[peak] + frame[peak + 1] - 1) // 2,
        peak_seconds=float(seconds[peak] + seconds[peak + 1]) / 2,
        mean_score=float(lengths @ timeline.score[runs] / lengths.sum()),
        attention=None if timeline.attention is None else float(timeline.attention[runs].sum()),
        event_class=event_class,
        class_probability=probability,
    )
