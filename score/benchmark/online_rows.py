"""The online measures of a row: those of its cells, over seeds."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from score.benchmark.cell_online import CellOnline, OnlineChoice, read_online_cell
from score.benchmark.comparison_plan import Cell
from score.benchmark.table_rows import Number, OnlineFacts
from score.evaluation.measure_names import ONLINE


@dataclass(frozen=True)
class OnlineRow:
    """numbers: measure -> over the seeds that have it. facts: what a reader must know of them."""

    numbers: dict[str, Number]
    facts: OnlineFacts


def online_row(cells: Sequence[Cell], choice: OnlineChoice | None) -> OnlineRow | None:
    """None where nothing was measured online."""
    if choice is None:
        return None
    found = [read for cell in cells if (read := read_online_cell(cell.folder, choice)) is not None]
    if len(found) < len(cells):
        return None
    return OnlineRow(_numbers(found), OnlineFacts(_ahead(found[0]), found[0].thresholds_from, found[0].notes))


def _numbers(cells: Sequence[CellOnline]) -> dict[str, Number]:
    numbers = {}
    for name in ONLINE:
        # A seed that detects nothing has no delay; the number of seeds says so.
        known = [value for cell in cells if (value := cell.values.get(name)) is not None]
        if known:
            numbers[name] = Number.of(known)
    return numbers


def _ahead(cell: CellOnline) -> str:
    return f"window of {cell.window}" if cell.look_ahead is None else str(cell.look_ahead)
