"""failures.jsonl: which videos a run could not do, rewritten by each run, absent when nothing failed."""
from __future__ import annotations

import json
import sys
from collections.abc import Iterable
from dataclasses import asdict, dataclass

from extract.store import FeatureStore

FAILURES_FILE = "failures.jsonl"


@dataclass(frozen=True)
class Failure:
    """stage: source, decode, extract or write. reason: one line. messages: what the decoder said, its first lines."""

    video_id: str
    stage: str
    reason: str
    messages: tuple[str, ...] = ()


def write_failures(store: FeatureStore, failures: Iterable[Failure]) -> None:
    """Replace the record of the last run. A store that takes no record is told on stderr: the run has its summary yet
    to give, and may be ending for another reason."""
    lines = [json.dumps(asdict(failure)) for failure in failures]
    try:
        if lines:
            store.files.write_text(FAILURES_FILE, "\n".join(lines) + "\n")
        else:
            store.files.remove(FAILURES_FILE)
    except OSError as error:
        why = error.strerror or error
        sys.stderr.write(f"{FAILURES_FILE} cannot be written ({why}): see the lines of this run\n")


def read_failures(store: FeatureStore) -> list[Failure]:
    """What the last run could not do; empty when nothing failed, and for a packed store."""
    text = None if store.packed else store.files.read_text(FAILURES_FILE)
    values = [json.loads(line) for line in (text or "").splitlines()]
    return [Failure(**{**each, "messages": tuple(each["messages"])}) for each in values]
