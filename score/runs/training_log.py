"""The epochs of a run, read from its metrics.jsonl files."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from pathlib import Path

from extract.runtime.foreign.foreign_error import ForeignFileError
from extract.runtime.foreign.regular_file import read_regular
from score.runs.checkpoint_error import CheckpointError
from score.runs.run_folders import METRICS


@dataclass(frozen=True)
class SeedLog:
    """The epochs of one seed.

    loss: term -> one value per epoch. validation: measure, such as video_auc -> one value per epoch. A
    value is None if it is undefined. Both are empty if nothing was logged.
    """

    seed: str
    loss: dict[str, list[float | None]]
    validation: dict[str, list[float | None]]

    @property
    def epochs(self) -> int:
        return max((len(values) for values in (*self.loss.values(), *self.validation.values())), default=0)


def read_training(run: Path) -> list[SeedLog]:
    """The logs of a run's seeds in rising order, or of one seed for its folder or checkpoint; [] without
    logs.

    A line that is not a record, as a killed process may leave it, is skipped.
    """
    folder = run.parent if run.is_file() else run
    own = [folder] if (folder / METRICS).is_file() else folder.glob("seed_*")
    logs = [_read(each) for each in own if (each / METRICS).is_file()]
    return sorted(
        (log for log in logs if log.epochs), key=lambda log: [int(n) for n in re.findall(r"\d+", log.seed)]
    )


def read_records(folder: Path, name: str = METRICS) -> list[dict]:
    """The records of a log with a JSON object per line, each with an "epoch" from 1 on; [] without a file.

    A line that is none, as a killed process may leave it, is skipped. Raises CheckpointError if the file
    cannot be read at all.
    """
    if not (folder / name).exists():
        return []
    try:
        # A byte that is no UTF-8 must not hide the other lines.
        lines = read_regular(folder / name, expected="a log").decode(errors="replace").splitlines()
    except ForeignFileError as error:
        raise CheckpointError(f"{error}; remove it") from None
    return [record for line in lines if (record := _record(line)) is not None]


def _record(line: str) -> dict | None:
    try:
        record = json.loads(line)
    except (ValueError, RecursionError):
        return None
    if not isinstance(record, dict) or type(record.get("epoch")) is not int or record["epoch"] < 1:
        return None
    parts = [record.get(part) or {} for part in ("loss", "validation")]
    return record if all(isinstance(part, dict) for part in parts) else None


def _read(folder: Path) -> SeedLog:
    records = read_records(folder)
    return SeedLog(folder.name, _columns(records, "loss"), _columns(records, "validation"))


def _columns(records: list[dict], part: str) -> dict[str, list[float | None]]:
    names = dict.fromkeys(name for record in records for name in record.get(part) or {})
    return {name: [_number((record.get(part) or {}).get(name)) for record in records] for name in names}


def _number(value: object) -> float | None:
    # A whole number may be too large for a float.
    return float(value) if isinstance(value, (int, float)) and abs(value) < 1e300 else None
