"""What `watch` says while it runs: a line per camera now and then, and one when a camera comes or goes."""

from __future__ import annotations

import time

from extract.runtime.say import say
from score.alerts.watch_events import CameraState, LiveFrame, LiveSegment

EVERY_SECONDS = 5.0


class StatusLines:
    """Says states on stderr."""

    def __init__(self):
        self._shown: dict[str, float] = {}
        self._known: dict[str, tuple[str, str]] = {}
        self._scores: dict[str, float] = {}

    def frame(self, _frame: LiveFrame) -> None:
        pass

    def segment(self, segment: LiveSegment) -> None:
        self._scores[segment.camera] = segment.score

    def state(self, state: CameraState) -> None:
        now = time.monotonic()
        known = state.connection, state.detail
        if known != self._known.get(state.camera):
            self._known[state.camera] = known
            if state.detail or state.connection in ("lost", "ended"):
                say(f"{state.camera}: {_words(state)}", err=True)
        if now - self._shown.setdefault(state.camera, now) >= EVERY_SECONDS:
            self._shown[state.camera] = now
            say(f"{state.camera}: {status_text(state, self._scores.get(state.camera))}", err=True)

    def close(self) -> None:
        pass


def _words(state: CameraState) -> str:
    return state.connection + (f": {state.detail}" if state.detail else "")


def status_text(state: CameraState, score: float | None) -> str:
    """One line: state, rates, skipped and damaged frames, latencies, the latest score."""
    rates = f"{state.fps:.1f} frames/s arrive, {state.scored_fps:.1f} scored"
    parts = [state.connection, rates, f"{state.skipped} skipped"]
    if state.damaged:
        parts.append(f"{state.damaged} damaged")
    if state.latency is not None:
        middle, high, latest = state.latency
        parts.append(f"latency {middle:.2f} s median, {high:.2f} s p95, {latest:.2f} s latest")
    if score is not None:
        parts.append(f"score {score:.3f}")
    return ", ".join(parts)
