"""vad-extract verify: every checksum of a store."""

from __future__ import annotations

import sys

import click

from extract.runtime.say import say
from extract.store.option import STORE


@click.command()
@click.argument("store", type=STORE)
@click.option(
    "--new", "only_new", is_flag=True, help="Only files that changed since they were last verified."
)
def verify(store, only_new):
    """Read every byte of STORE against its checksums; exit 1 if a file is damaged, and name it."""
    from extract.store import FeatureStore
    from extract.store.index import StoreIndex

    sound = broken = 0
    with StoreIndex(FeatureStore(store)) as index:
        for _, problem in index.verify(again=not only_new):
            sound, broken = sound + (not problem), broken + bool(problem)
            if problem:
                say(problem, err=True)
        for problem in index.problems:
            say(problem, err=True)
        broken += len(index.problems)
    say(f"{sound} videos intact, {broken} damaged")
    if broken:
        sys.exit(1)
