"""vad-extract pack and unpack: a store as one file and back."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from extract.runtime.say import say


@click.command()
@click.argument("store", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.argument("target", type=click.Path(path_type=Path))
def pack(store, target):
    """Pack STORE into one file TARGET (.h5), which every command reads like a store.

    Damaged files are named and left out; the exit code is then 1.
    """
    from extract.store.packing import pack as join

    problems: list[str] = []
    _report(join(store, target, on_problem=problems.append), "packed", target, problems)


@click.command()
@click.argument("packed", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.argument("store", type=click.Path(path_type=Path))
def unpack(packed, store):
    """Unpack the file PACKED into the folder STORE.

    Damaged videos are named and left out; the exit code is then 1.
    """
    from extract.store.packing import unpack as split

    problems: list[str] = []
    _report(split(packed, store, on_problem=problems.append), "unpacked", store, problems)


def _report(count: int, done: str, target: Path, problems: list[str]) -> None:
    for problem in problems:
        say(problem, err=True)
    left_out = f", {len(problems)} left out" if problems else ""
    say(f"{count} videos {done}{left_out}: {target}")
    if problems:
        sys.exit(1)
