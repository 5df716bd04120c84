"""Where the time of a run goes: named spans, their shares, and a trace for chrome://tracing or Perfetto.

The trace format is Chrome's Trace Event Format: complete events ("ph": "X") with times in microseconds.
"""

from __future__ import annotations

import contextlib
import json
import os
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path

from extract.runtime.atomic import write_text

MAIN_TRACK = "main loop"
MOST_EVENTS = 1_000_000  # about 100 MB of trace; the shares count later spans too
_NOTHING = contextlib.nullcontext()


class Profile:
    """Nested spans of one thread; what happens elsewhere at the same time is added on separate tracks.

    settle: called at both ends of a span, so that the work of a device counts in the span that started it
    (torch.cuda.synchronize on a GPU; the run is slower for it).
    """

    def __init__(self, settle: Callable[[], None] | None = None):
        self.settle = settle
        self.started = time.perf_counter()
        self.seconds: dict[str, float] = {}  # name -> time in its spans, without the spans inside them
        self.beside: dict[str, float] = {}  # name -> processor seconds of what was added
        self.dropped = 0
        self.remarks: list[str] = []
        self._events: list[dict] = []
        self._inner: list[float] = []  # for each open span: seconds of the spans inside it
        self._tracks: dict[str, int] = {MAIN_TRACK: 0}

    def span(self, name: str) -> AbstractContextManager[None]:
        """Everything inside counts as `name`."""
        return self._span(name)

    def add(
        self, name: str, started: float, *, track: str, cpu_seconds: float | None, **facts: object
    ) -> None:
        """Record work beside the loop, from `started` (time.perf_counter) until now; part of no share."""
        self.beside[name] = self.beside.get(name, 0.0) + (cpu_seconds or 0.0)
        elapsed = time.perf_counter() - started
        self._record(name, started, elapsed, track, {**facts, "cpu_seconds": cpu_seconds})

    def remark(self, text: str) -> None:
        """Add one line to the shares, such as how batches were started."""
        if text not in self.remarks:
            self.remarks.append(text)

    def shares(self) -> dict[str, float]:
        """Name -> share of the time since the profile began, largest first; "other": in no span."""
        total = max(time.perf_counter() - self.started, 1e-9)
        shares = {name: seconds / total for name, seconds in self.seconds.items()}
        shares["other"] = max(0.0, 1.0 - sum(shares.values()))
        return dict(sorted(shares.items(), key=lambda item: -item[1]))

    def line(self) -> str:
        """The shares as one readable line."""
        total = max(time.perf_counter() - self.started, 1e-9)
        parts = [f"{name} {share:.1%}" for name, share in self.shares().items()]
        parts += [f"{name} in parallel {seconds / total:.2f} cores" for name, seconds in self.beside.items()]
        parts += [f"({text})" for text in self.remarks]
        return f"{total:.1f} s: " + ", ".join(parts)

    def write(self, path: Path) -> None:
        """Write the trace as JSON; open it in chrome://tracing or at ui.perfetto.dev."""
        names = [
            {"name": "thread_name", "ph": "M", "pid": os.getpid(), "tid": number, "args": {"name": track}}
            for track, number in self._tracks.items()
        ]
        facts = {"dropped": self.dropped, "remarks": self.remarks}
        trace = {"traceEvents": names + self._events, "displayTimeUnit": "ms", "otherData": facts}
        write_text(path, json.dumps(trace))

    @contextlib.contextmanager
    def _span(self, name: str) -> Iterator[None]:
        self._settle()
        started = time.perf_counter()
        self._inner.append(0.0)
        try:
            yield
        finally:
            self._settle()
            elapsed = time.perf_counter() - started
            inner = self._inner.pop()
            self.seconds[name] = self.seconds.get(name, 0.0) + elapsed - inner
            if self._inner:
                self._inner[-1] += elapsed
            self._record(name, started, elapsed, MAIN_TRACK, {})

    def _settle(self) -> None:
        if self.settle is not None:
            self.settle()

    def _record(self, name: str, started: float, elapsed: float, track: str, facts: dict) -> None:
        # The trace ends here, but the shares go on counting.
        if len(self._events) >= MOST_EVENTS:
            self.dropped += 1
            return
        self._events.append(
            {
                "name": name,
                "ph": "X",
                "cat": "vad",
                "pid": os.getpid(),
                "args": facts,
                "tid": self._tracks.setdefault(track, len(self._tracks)),
                "ts": round((started - self.started) * 1e6, 1),
                "dur": round(elapsed * 1e6, 1),
            }
        )


class NoProfile(Profile):
    """Records nothing and costs nothing."""

    def span(self, _name: str) -> AbstractContextManager[None]:
        return _NOTHING

    def add(
        self, name: str, started: float, *, track: str, cpu_seconds: float | None, **facts: object
    ) -> None:
        pass

    def remark(self, text: str) -> None:
        pass


OFF = NoProfile()
