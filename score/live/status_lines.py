"""What `watch` says when a camera comes or goes: a line on stderr, for a terminal and for a log."""

from __future__ import annotations

from extract.runtime.say import say
from score.alerts.watch_events import CameraState, LiveFrame, LiveSegment


class StatusLines:
    """A line per change; what is the same every second is for status_table and for metrics."""

    def __init__(self):
        self._known: dict[str, tuple[str, str]] = {}

    def frame(self, _frame: LiveFrame) -> None:
        pass

    def segment(self, _segment: LiveSegment) -> None:
        pass

    def state(self, state: CameraState) -> None:
        known = state.connection, state.detail
        if known == self._known.get(state.camera):
            return
        self._known[state.camera] = known
        if state.detail or state.connection != "connecting":
            words = state.connection + (f": {state.detail}" if state.detail else "")
            say(f"{state.camera}: {words}", err=True)

    def close(self) -> None:
        pass
