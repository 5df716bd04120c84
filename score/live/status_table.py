"""The table that `watch` keeps at the bottom of a terminal: a row per camera."""

from __future__ import annotations

from rich.console import Console
from rich.live import Live
from rich.table import Table
from rich.text import Text

from extract.runtime.foreign.printable import printable
from score.alerts.watch_events import CameraState, LiveFrame, LiveSegment

COLUMNS = (
    *("camera", "state", "frames/s", "scored/s", "skipped", "damaged"),
    *("latency: median", "p95", "latest", "score"),
)
PER_SECOND = 2.0  # that it is drawn


class StatusTable:
    """A Listener; lines that are said meanwhile appear above the table. console: of the terminal."""

    def __init__(self, console: Console):
        self._states: dict[str, CameraState] = {}
        self._scores: dict[str, float] = {}
        # stdout may be a pipe, whose content must not go to the terminal.
        self._live = Live(
            console=console,
            get_renderable=self._table,
            refresh_per_second=PER_SECOND,
            vertical_overflow="crop",
            redirect_stdout=False,
        )
        self._open = False

    def frame(self, _frame: LiveFrame) -> None:
        pass

    def segment(self, segment: LiveSegment) -> None:
        self._scores[segment.camera] = segment.score

    def state(self, state: CameraState) -> None:
        self._states[state.camera] = state
        if not self._open:
            self._open = True
            self._live.start()

    def close(self) -> None:
        self._live.stop()

    def _table(self) -> Table:
        table = Table(box=None, pad_edge=False)
        for number, name in enumerate(COLUMNS):
            table.add_column(name, justify="left" if number < 2 else "right", no_wrap=True)
        for name, state in list(self._states.items()):
            table.add_row(*(Text(cell) for cell in _cells(state, self._scores.get(name))))
        return table


def _cells(state: CameraState, score: float | None) -> list[str]:
    """As many as COLUMNS; "" for what is not known."""
    latencies = ("", "", "") if state.latency is None else (f"{each:.2f} s" for each in state.latency)
    return [
        printable(state.camera),
        state.connection,
        f"{state.fps:.1f}",
        f"{state.scored_fps:.1f}",
        str(state.skipped),
        str(state.damaged),
        *latencies,
        "" if score is None else f"{score:.3f}",
    ]
