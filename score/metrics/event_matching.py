"""Events: runs of alarms, matched with the annotated events by temporal IoU.

The protocol: frames of at least the threshold are alarms; gaps of up to `gap` frames between two alarms are
filled; events shorter than `shortest` frames are dropped. Then each event, the highest score first, takes the
annotated event of its video that it overlaps most among those still free, if their temporal IoU (frames in
both by frames in either) is enough.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from score.metrics.ratios import Ratio

# Temporal IoU that a match needs; 0 = any overlap.
OVERLAPS = (0.0, 0.1, 0.2, 0.3, 0.4, 0.5)


@dataclass(frozen=True)
class EventRule:
    """Set before any test, and not to be tuned on one."""

    # Frames without alarm that do not end an event: two segments of 16.
    gap: int = 32
    # Frames of the shortest event: one segment, or the video if that is shorter.
    shortest: int = 16


DEFAULT_RULE = EventRule()


@dataclass(frozen=True)
class Events:
    """span: int64 [E, 2], frames [start, stop), ascending. score: float64 [E]."""

    span: np.ndarray
    score: np.ndarray


def runs(flags: np.ndarray) -> np.ndarray:
    """Runs of set flags [F]: int64 [E, 2], [start, stop), ascending."""
    flags = np.asarray(flags).astype(bool, copy=False)
    inner = np.flatnonzero(flags[1:] != flags[:-1]) + 1
    first, last = [0] if flags[:1].any() else [], [len(flags)] if flags[-1:].any() else []
    return np.concatenate([first, inner, last]).astype(np.int64).reshape(-1, 2)


def events_over(scores: np.ndarray, threshold: float, *, rule: EventRule = DEFAULT_RULE) -> Events:
    """The events of one video, each with its highest frame score. scores: [F]."""
    span = runs(scores >= threshold)
    if len(span):
        # Runs join across gaps that are short enough.
        breaks = np.flatnonzero(span[1:, 0] - span[:-1, 1] > rule.gap)
        span = np.stack([span[np.r_[0, breaks + 1], 0], span[np.r_[breaks, len(span) - 1], 1]], axis=1)
    span = span[span[:, 1] - span[:, 0] >= min(rule.shortest, len(scores))]
    return Events(span, highest(scores, span))


def highest(scores: np.ndarray, span: np.ndarray) -> np.ndarray:
    """The highest score in each span, float64 [E]. span: as of `runs`, not empty and ascending."""
    edges = span.ravel()
    # reduceat takes every edge as the start of a part; those from a stop to the next start are left out.
    inside = edges[:-1] if len(edges) and edges[-1] == len(scores) else edges
    return np.maximum.reduceat(scores, inside)[::2].astype(np.float64) if len(edges) else np.zeros(0)


def temporal_overlap(found: np.ndarray, true: np.ndarray) -> np.ndarray:
    """Temporal IoU of spans [E, 2] with spans [G, 2]: float64 [E, G]."""
    both = np.minimum(found[:, None, 1], true[None, :, 1]) - np.maximum(found[:, None, 0], true[None, :, 0])
    both = np.maximum(both, 0)
    either = (found[:, 1] - found[:, 0])[:, None] + (true[:, 1] - true[:, 0])[None] - both
    return both / either


def matched(events: Events, true: np.ndarray, tious: Sequence[float]) -> np.ndarray:
    """Which events match an annotated event at each of N temporal IoUs: bool [N, E].

    true: spans [G, 2] of the same video. Among equal scores the earlier event chooses first, among equal
    overlaps it takes the earlier annotated event.
    """
    hits = np.zeros((len(tious), len(events.span)), dtype=bool)
    if not len(events.span) or not len(true):
        return hits
    overlaps = temporal_overlap(events.span, true)
    order = np.argsort(-events.score, kind="stable")
    largest = overlaps.max(axis=1)[order]
    for hit, tiou in zip(hits, tious, strict=True):
        # Overlaps only shrink below, so the others can match nothing.
        places = order[(largest > 0) & (largest >= tiou)]
        overlap = overlaps.copy() if len(places) > 1 else overlaps
        for place in places:
            best = int(np.argmax(overlap[place]))
            if overlap[place, best] > 0 and overlap[place, best] >= tiou:
                hit[place] = True
                if len(places) > 1:  # each annotated event is matched once
                    overlap[:, best] = -1.0
    return hits


def event_ratios(
    true: Sequence[np.ndarray], events: Sequence[Events], tious: Sequence[float]
) -> list[dict[str, Ratio]]:
    """precision, recall and f1 of the events of V videos at each temporal IoU.

    true: annotated spans [G, 2] per video.
    """
    alarms = np.array([len(found.span) for found in events], dtype=float)
    annotated = np.array([len(spans) for spans in true], dtype=float)
    counts = [matched(found, spans, tious).sum(axis=1) for spans, found in zip(true, events, strict=True)]
    return [
        {
            "precision": Ratio(hits, alarms, "no event is over the threshold"),
            "recall": Ratio(hits, annotated, "no event is annotated"),
            "f1": Ratio(2 * hits, alarms + annotated, "no event is annotated or over the threshold"),
        }
        for hits in np.array(counts, dtype=float).reshape(len(true), len(tious)).T
    ]
