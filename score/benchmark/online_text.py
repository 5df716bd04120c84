"""The table of a benchmark's online measures: what each head would do live."""

from __future__ import annotations

from extract.runtime.foreign.printable import markdown_text
from score.benchmark.table_rows import Number, Table
from score.evaluation.online.online_results import BUDGETS

AUCS = {
    "frame_auc": "frame AUC, offline",
    "causal_frame_auc": "causal",
    "held_frame_auc": "latest known score",
}
ALERTS = {
    "delay": "seconds until the alert",
    "missed": "events missed",
    "false_alarms": "false alarms per camera-hour",
}


def online_lines(table: Table, *, several_stores: bool) -> list[list[str]]:
    """Markdown cells of the header and of a row per head; empty where nothing was measured online."""
    rows = [row for row in table.rows if row.online is not None]
    if not rows:
        return []
    measures = AUCS | {
        f"{name}_at_{budget}": f"{words}, at {budget} an hour"
        for budget in BUDGETS
        for name, words in ALERTS.items()
    }
    header = [*(["store"] if several_stores else []), "head", "look-ahead, segments"]
    lines = [[*header, *measures.values(), "normal videos that chose"]]
    seeds = table.details["seeds"]
    for row in rows:
        facts = row.online
        assert facts is not None
        names = [*([row.store] if several_stores else []), row.head, facts.look_ahead]
        cells = [_number(row.numbers.get(name), seeds) for name in measures]
        lines.append([*map(markdown_text, names), *cells, markdown_text(facts.thresholds_from)])
    return lines


def online_legend(table: Table) -> list[str]:
    """What a reader of the table must know; the notes of its rows, each once."""
    facts = [row.online for row in table.rows if row.online is not None]
    return [
        "mean ± standard deviation over seeds; where some seeds detect no event, with the number of those "
        "that do; thresholds are the lowest with which the normal videos that chose raise at most 1 and 5 "
        "false alarms an hour, and come out too low where the head was trained on them",
        *map(markdown_text, dict.fromkeys(note for each in facts for note in each.notes)),
    ]


def _number(number: Number | None, seeds: int) -> str:
    if number is None:
        return ""
    known = len(number.per_seed)
    text = f"{number.mean:.3f}"
    if known > 1:
        text += f" ± {number.std:.3f}"
    return text if known == seeds else f"{text} ({known} of {seeds} seeds)"
