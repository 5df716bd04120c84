"""failures.jsonl: which videos a run could not do, rewritten by each run, absent when nothing failed."""
from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path

from extract import atomic

FAILURES_FILE = "failures.jsonl"


@dataclass(frozen=True)
class Failure:
    """stage: source, decode, extract or write. reason: one line. messages: what the decoder said, its first lines."""

    video_id: str
    stage: str
    reason: str
    messages: tuple[str, ...] = ()


def write_failures(root: Path, failures: Iterable[Failure]) -> None:
    """Replace the record of the last run."""
    lines = [json.dumps(asdict(failure)) for failure in failures]
    if lines:
        atomic.write_text(root / FAILURES_FILE, "\n".join(lines) + "\n")
    else:
        (root / FAILURES_FILE).unlink(missing_ok=True)


def read_failures(root: Path) -> list[Failure]:
    """What the last run could not do; empty when nothing failed."""
    path = root / FAILURES_FILE
    if not path.is_file():
        return []
    values = [json.loads(line) for line in path.read_text().splitlines()]
    return [Failure(**{**each, "messages": tuple(each["messages"])}) for each in values]
