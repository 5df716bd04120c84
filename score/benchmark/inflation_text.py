"""The second table of a benchmark: what each choice on the test videos adds to the honest number."""

from __future__ import annotations

from extract.runtime.foreign.printable import markdown_text
from score.benchmark.chosen_scores import CHOICES
from score.benchmark.paired_difference import Difference
from score.benchmark.table_rows import Number, Table


def inflation_lines(table: Table, name: str, *, several_stores: bool) -> list[list[str]]:
    """Markdown cells of the header and of a row per head, in points of the measure called `name`.

    Empty where nothing was chosen on the test videos.
    """
    rows = [row for row in table.rows if row.added]
    if not rows:
        return []
    # With folds, choices are compared within each fold.
    folds = table.details.get("folds")
    measure = f"fold_{table.measure}" if folds else table.measure
    name = f"{name}, mean of folds" if folds else name
    header = [*(["store"] if several_stores else []), "head", f"{name}, nothing chosen on test"]
    lines = [[*header, *(f"{what}, points" for what in CHOICES.values())]]
    for row in rows:
        names = [*([row.store] if several_stores else []), row.head]
        cells = [*map(markdown_text, names), _percent(row.numbers.get(measure))]
        lines.append([*cells, *(_points(row.added.get(choice)) for choice in CHOICES)])
    return lines


def _percent(number: Number | None) -> str:
    return "" if number is None else f"{100 * number.mean:.1f}"


def _points(added: Difference | None) -> str:
    """A difference in points; "0" where the choice was the one that nothing chosen has."""
    if added is None:
        return ""
    if added.mean == 0 and (added.interval is None or not any(added.interval)):
        return "0"
    low_high = added.interval
    return f"{100 * added.mean:+.1f}" + (
        f" [{100 * low_high[0]:+.1f}, {100 * low_high[1]:+.1f}]" if low_high else ""
    )
