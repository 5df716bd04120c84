"""failures.jsonl: which videos of a list the last runs could not extract; absent when there are none."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Collection, Iterable
from dataclasses import asdict, dataclass

from extract.runtime.say import say
from extract.store import FeatureStore, StoreError
from extract.store.description import short

FAILURES_FILE = "failures.jsonl"


@dataclass(frozen=True)
class Failure:
    """A video that was not extracted."""

    video_id: str
    # source, decode, extract or write.
    stage: str
    # One line.
    reason: str
    # The first messages of the decoder.
    messages: tuple[str, ...] = ()


def write_failures(store: FeatureStore, failures: Iterable[Failure], *, others: Collection[str] = ()) -> None:
    """Replace the record of the last run.

    others: videos that other jobs extract into the same store, such as the shards of a job array. Their
    records stay until the videos are stored; if two jobs end at the same moment, one record may be lost.
    If the record cannot be written, stderr says so and no error is raised: the run still has its summary to
    print.
    """
    try:
        kept = read_failures(store) if others else []
        kept = [each for each in kept if each.video_id in others and each.video_id not in store]
        lines = [json.dumps(asdict(failure)) for failure in (*kept, *failures)]
        if lines:
            store.files.write_text(FAILURES_FILE, "\n".join(lines) + "\n")
        else:
            store.files.remove(FAILURES_FILE)
    except (OSError, StoreError) as error:
        say(f"{FAILURES_FILE} cannot be written ({short(error)}): see the lines of this run", err=True)


def read_failures(store: FeatureStore) -> list[Failure]:
    """The videos that runs could not extract; empty for a packed store. Skips damaged lines."""
    try:
        text = None if store.packed else store.files.read_text(FAILURES_FILE)
    except OSError as error:
        raise StoreError(f"{store.root}: {FAILURES_FILE} cannot be read: {short(error)}") from None
    found = []
    for line in (text or "").splitlines():
        with contextlib.suppress(ValueError, TypeError, KeyError, RecursionError):
            values = json.loads(line)
            failure = Failure(**{**values, "messages": tuple(values["messages"])})
            texts = (failure.video_id, failure.stage, failure.reason, *failure.messages)
            if all(isinstance(each, str) for each in texts):
                found.append(failure)
    return found
