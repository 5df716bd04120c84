"""The table of a benchmark as Markdown for people and CSV for programs."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence

from extract.runtime.foreign.printable import markdown_text, printable, spreadsheet_cell
from extract.runtime.text import counted
from score.benchmark.chosen_scores import CHOICES
from score.benchmark.inflation_text import inflation_lines
from score.benchmark.online_text import online_legend, online_lines
from score.benchmark.paired_difference import Difference
from score.benchmark.result_table import FOLD_MEASURES, SHOWN
from score.benchmark.table_rows import BEST_ON_TEST, Number, Row, Table
from score.evaluation.measure_names import ONLINE
from score.evaluation.published_results import MARKS

NAMES = {
    "frame_auc": "frame AUC",
    "frame_ap": "frame AP",
    "frame_auc_abnormal": "frame AUC, anomalous videos only",
    "video_auc": "video AUC",
    "video_ap": "video AP",
    "fold_video_auc": "video AUC, mean of folds",
    "fold_frame_auc": "frame AUC, mean of folds",
    BEST_ON_TEST: "test-selected",
}
MEASURES = (*SHOWN, *FOLD_MEASURES, BEST_ON_TEST)


def markdown(table: Table) -> str:
    """The table with its legend and notes; ends with a line break."""
    used = {name for row in table.rows for name in row.numbers}
    measures = [
        name for name in MEASURES if name in used and not (name == "video_ap" and "frame_auc" in used)
    ]
    kinds = _difference_kinds(table)
    several = len({row.store for row in table.rows if row.kind == "ours"}) > 1
    header = [*(["store"] if several else []), "head", *(NAMES[name] for name in measures)]
    header += [f"{NAMES[table.measure]} minus {_minuend(kind, table)}" for kind in kinds]
    header += ["parameters", "training, s", "scoring, s"]
    lines = [header, ["---"] * len(header)]
    for row in table.rows:
        cells = [*([markdown_text(row.store)] if several else []), markdown_text(_head(row))]
        if row.failure:
            cells += [f"failed: {markdown_text(row.failure)}"] + [""] * (len(header) - len(cells) - 1)
        else:
            cells += [_number(row.numbers.get(name), short=row.kind != "ours") for name in measures]
            cells += [_difference(row, kind) for kind in kinds]
            cells += ["" if row.parameters is None else f"{row.parameters:,}"]
            cells += [
                "" if seconds is None else f"{seconds:.1f}"
                for seconds in (row.train_seconds, row.score_seconds)
            ]
        lines.append(cells)
    text = _rows(lines) + "\n" + "".join(f"* {line}\n" for line in _legend(table))
    added = inflation_lines(table, NAMES[table.measure], several_stores=several)
    live = online_lines(table, several_stores=several)
    text += _further("What choosing on the test videos adds:", added)
    text += _further("As if the test videos were live:", live)
    return text + ("\n" + "".join(f"* {line}\n" for line in online_legend(table)) if live else "")


def _further(title: str, lines: Sequence[Sequence[str]]) -> str:
    """Another table below the first; empty without lines."""
    if not lines:
        return ""
    header, *cells = lines
    return f"\n{title}\n\n" + _rows([header, ["---"] * len(header), *cells])


def _rows(lines: Sequence[Sequence[str]]) -> str:
    return "".join("| " + " | ".join(cells) + " |\n" for cells in lines)


def _legend(table: Table) -> list[str]:
    details = table.details
    counts = f"{details['videos']:,} test videos ({details['anomalous_videos']:,} anomalous)"
    if details["frames"] and details["positives"] is not None:
        counts += f", {details['frames']:,} frames ({details['positives']:,} anomalous)"
        counts += f", truth: {details['convention']}"
    place = "a GPU" if details["device"] == "cuda" else counted(details["threads"], "CPU thread")
    lines = [
        f"{counts}; mean ± standard deviation over {counted(details['seeds'], 'seed')}, [95 % interval over "
        "videos]; differences are between means over seeds, on the same draws of videos; "
        f"seconds per seed, on {place}",
        *map(markdown_text, table.notes),
    ]
    if any(row.kind == "oracle" for row in table.rows):
        lines.append(
            "the oracle scores all frames of anomalous videos 1 and all others 0: it localises nothing"
        )
    marks = sorted({row.source for row in table.rows if row.kind == "published"})
    if marks:
        sources = "; ".join(f"{mark}: {MARKS[mark]}" for mark in marks)
        lines.append(
            f"published rows are numbers from papers, with other features ({sources}); if their code selects "
            "the epoch on the test videos, they are in the column test-selected"
        )
    return lines


def _difference_kinds(table: Table) -> list[str]:
    """Which differences are columns: the headline's, and those between stores."""
    found = dict.fromkeys(name for row in table.rows for name in row.differences)
    # With a single head, its difference from itself says nothing.
    single = all(row.head == row.against for row in table.rows if row.kind == "ours")
    return [
        name
        for name in found
        if name.partition(" on ")[0] == table.measure and not (single and name == table.measure)
    ]


def _minuend(kind: str, table: Table) -> str:
    _, on, store = kind.partition(" on ")
    against = next((row.against for row in table.rows if row.against), "")
    return f"the same on {store}" if on else against


def _head(row: Row) -> str:
    return f"{row.head}, published ({row.source})" if row.kind == "published" else row.head


def _number(number: Number | None, *, short: bool) -> str:
    if number is None:
        return ""
    text = f"{number.mean:.4f}"
    if not short and len(number.per_seed) > 1:
        text += f" ± {number.std:.4f}"
    return text + (f" [{number.interval[0]:.3f}, {number.interval[1]:.3f}]" if number.interval else "")


def _difference(row: Row, kind: str) -> str:
    found = row.differences.get(kind)
    if found is None or (" on " not in kind and row.head == row.against):
        return "" if found is None else "0"
    span = f" [{found.interval[0]:+.3f}, {found.interval[1]:+.3f}]" if found.interval else ""
    return f"{found.mean:+.4f}{span}"


def records(table: Table) -> list[dict[str, str | float | int | None]]:
    """One flat record per row, all with the same keys; None for missing values."""
    kinds = list(dict.fromkeys(name for row in table.rows for name in row.differences))
    live = [*ONLINE] if any(row.online is not None for row in table.rows) else []
    return [_record(row, kinds, live) for row in table.rows]


def _record(row: Row, kinds: Sequence[str], live: Sequence[str]) -> dict[str, str | float | int | None]:
    record: dict[str, str | float | int | None] = {"kind": row.kind, "store": row.store, "head": row.head}
    for name in (*MEASURES, *live):
        number = row.numbers.get(name)
        record |= {
            name: None if number is None else number.mean,
            f"{name}_std": None if number is None else number.std,
        }
        record |= _bounds(name, number)
    for choice in CHOICES:
        found = row.added.get(choice)
        record |= {f"added by {choice}": None if found is None else found.mean}
        record |= _bounds(f"added by {choice}", found)
    record["against"] = row.against
    for name in kinds:
        found = row.differences.get(name)
        record |= {f"minus {name}": None if found is None else found.mean, **_bounds(f"minus {name}", found)}
    return record | {
        "parameters": row.parameters,
        "train_seconds": row.train_seconds,
        "score_seconds": row.score_seconds,
        "source": row.source,
        "failure": row.failure,
        **({"thresholds_from": "" if row.online is None else row.online.thresholds_from} if live else {}),
    }


def _bounds(name: str, found: Number | Difference | None) -> dict[str, float | None]:
    low, high = (None, None) if found is None or found.interval is None else found.interval
    return {f"{name}_low": low, f"{name}_high": high}


def to_csv(table: Table) -> str:
    """Records with a header; full precision, empty for None.

    Words begin with an apostrophe where a spreadsheet would take them for a formula.
    """
    rows = records(table)
    text = io.StringIO()
    writer = csv.DictWriter(text, list(rows[0]) if rows else [], lineterminator="\n")
    writer.writeheader()
    writer.writerows(
        {
            name: spreadsheet_cell(printable(value)) if isinstance(value, str) else value
            for name, value in row.items()
        }
        for row in rows
    )
    return text.getvalue()
