"""Where the time of training goes: named spans, their shares, and a trace for chrome://tracing or Perfetto.

The twin of extract.runtime.profile, without tracks: stage 2 may not import it. The trace holds complete events
("ph": "X") of Chrome's Trace Event Format, times in microseconds.
"""

from __future__ import annotations

import contextlib
import json
import os
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path

MOST_EVENTS = 1_000_000  # some 100 MB of trace; shares count what comes after too
_NOTHING = contextlib.nullcontext()


class NoTimeline:
    """Records nothing and costs nothing."""

    def span(self, name: str) -> AbstractContextManager:
        return _NOTHING


class Timeline:
    """Spans of one thread, one after another.

    settle: called at both ends of a span, so that work of a device is counted where it was asked for
    (torch.cuda.synchronize on a GPU; training is slower for it).
    """

    def __init__(self, settle: Callable[[], None] = lambda: None):
        self.settle = settle
        self.started = time.perf_counter()
        self.seconds: dict[str, float] = {}
        self._events: list[dict] = []

    @contextlib.contextmanager
    def span(self, name: str) -> Iterator[None]:
        """Everything inside counts as `name`; spans do not nest."""
        self.settle()
        started = time.perf_counter()
        try:
            yield
        finally:
            self.settle()
            elapsed = time.perf_counter() - started
            self.seconds[name] = self.seconds.get(name, 0.0) + elapsed
            if len(self._events) < MOST_EVENTS:
                self._events.append(
                    {
                        "name": name,
                        "ph": "X",
                        "cat": "vad",
                        "pid": os.getpid(),
                        "tid": 0,
                        "ts": round((started - self.started) * 1e6, 1),
                        "dur": round(elapsed * 1e6, 1),
                    }
                )

    def shares(self) -> dict[str, float]:
        """Name -> share of the time since the timeline was made, greatest first; "other": in no span."""
        total = max(time.perf_counter() - self.started, 1e-9)
        shares = {name: seconds / total for name, seconds in self.seconds.items()}
        shares["other"] = max(0.0, 1.0 - sum(shares.values()))
        return dict(sorted(shares.items(), key=lambda item: -item[1]))

    def line(self) -> str:
        """The shares in one line, for a person."""
        parts = [f"{name} {share:.1%}" for name, share in self.shares().items()]
        return f"{time.perf_counter() - self.started:.1f} s: " + ", ".join(parts)

    def write(self, path: Path) -> None:
        """The trace as JSON; open it in chrome://tracing or at ui.perfetto.dev."""
        path.write_text(json.dumps({"traceEvents": self._events, "displayTimeUnit": "ms"}))


OFF = NoTimeline()
