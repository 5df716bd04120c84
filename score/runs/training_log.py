"""The epochs of a run, read from its metrics.jsonl files."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from pathlib import Path

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


def _read(folder: Path) -> SeedLog:
    records = []
    for line in (folder / METRICS).read_text(encoding="utf-8").splitlines():
        try:
            record = json.loads(line)
        except ValueError:
            continue
        if isinstance(record, dict):
            records.append(record)
    return SeedLog(folder.name, _columns(records, "loss"), _columns(records, "validation"))


def _columns(records: list[dict], part: str) -> dict[str, list[float | None]]:
    names = dict.fromkeys(name for record in records for name in record.get(part) or {})
    return {name: [_number((record.get(part) or {}).get(name)) for record in records] for name in names}


def _number(value: object) -> float | None:
    return float(value) if isinstance(value, (int, float)) else None
