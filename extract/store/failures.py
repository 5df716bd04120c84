"""failures.jsonl: which videos of a list the last runs over it could not do; absent when there are none."""

from __future__ import annotations

import contextlib
import json
import sys
from collections.abc import Collection, Iterable
from dataclasses import asdict, dataclass

from extract.store import FeatureStore, StoreError

FAILURES_FILE = "failures.jsonl"


@dataclass(frozen=True)
class Failure:
    """stage: source, decode, extract or write. reason: one line. messages: what the decoder said, its first lines."""

    video_id: str
    stage: str
    reason: str
    messages: tuple[str, ...] = ()


def write_failures(store: FeatureStore, failures: Iterable[Failure], *, others: Collection[str] = ()) -> None:
    """Replace the record of the last run. others: videos that jobs beside this one extract into the same store.

    Their records stay until they are stored, so that the jobs of an array, a shard each, leave one record together; of
    two that end in the same moment one may be missing. A store that takes no record is told on stderr: the run has its
    summary yet to give, and may be ending for another reason.
    """
    try:
        beside = read_failures(store) if others else []
        beside = [each for each in beside if each.video_id in others and each.video_id not in store]
        lines = [json.dumps(asdict(failure)) for failure in (*beside, *failures)]
        if lines:
            store.files.write_text(FAILURES_FILE, "\n".join(lines) + "\n")
        else:
            store.files.remove(FAILURES_FILE)
    except (OSError, StoreError) as error:
        why = getattr(error, "strerror", None) or error
        sys.stderr.write(f"{FAILURES_FILE} cannot be written ({why}): see the lines of this run\n")


def read_failures(store: FeatureStore) -> list[Failure]:
    """What runs could not do; empty when nothing failed, and for a packed store. A damaged line is left out."""
    text = None if store.packed else store.files.read_text(FAILURES_FILE)
    found = []
    for line in (text or "").splitlines():
        with contextlib.suppress(ValueError, TypeError, KeyError):
            values = json.loads(line)
            found.append(Failure(**{**values, "messages": tuple(values["messages"])}))
    return found
