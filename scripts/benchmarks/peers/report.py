"""What a program says of its own work: how much it did, counted as it ran, and how long its loop took."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path


@dataclass(frozen=True)
class Report:
    """counts: what must be the same on both sides, such as rows and bags. seconds: of the loop, without
    imports and first steps. threads, torch: as the program found them."""

    counts: dict[str, int]
    seconds: float
    threads: int
    torch: str

    def write(self, path: Path) -> None:
        path.write_text(json.dumps(asdict(self)))


def read_report(path: Path) -> Report:
    return Report(**json.loads(path.read_text()))
