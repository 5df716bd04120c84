"""Damage files of every kind that the commands read, run the commands on them, and count what happens.

    python -m scripts.tools.fuzz --inputs 20000
    python -m scripts.tools.fuzz --targets "store file" --targets checkpoint --inputs 500 --seed 7

An input is right if its command refuses it with a line that names the file or its video, or calls it sound;
where files have digests (features, packs, checkpoints) sound also means the same content. Tracebacks,
crashes, hangs, errors without a name, and damage that passes as sound are faults; exit code 1 if there is
one. Damaged files of faults are described by target and seed, which make the same bytes again: --targets NAME
--only SEED.
"""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from collections import Counter
from multiprocessing.connection import Connection

import click

from extract.runtime.child_process import how_it_ended, start_child
from scripts.tools.fuzzing.process import BROKEN, CRASH, HANG, OUTCOMES, REFUSED, SOUND, Verdict
from scripts.tools.fuzzing.targets import TARGETS

SECONDS = 60.0  # longer is a hang
START_SECONDS = 300.0  # for the first input of a process, which makes the healthy files


class Runner:
    """A process that is started anew when an input ends it."""

    def __init__(self) -> None:
        self.child: subprocess.Popen | None = None
        self.connection: Connection
        self.known: set[str] = set()

    def assess(self, target: str, seed: str) -> Verdict:
        if self.child is None or self.child.poll() is not None:
            self.child, self.connection = start_child(
                "scripts.tools.fuzzing.process",
                one_thread=True,
                output=subprocess.DEVNULL,  # decoders write about damage
            )
            self.known = set()
        self.connection.send((target, seed))
        limit = SECONDS if target in self.known else START_SECONDS
        self.known.add(target)
        if not self.connection.poll(limit):
            self.end()
            return Verdict(HANG, "?", limit)
        try:
            answer = self.connection.recv()
        except EOFError:
            return Verdict(CRASH, "?", detail=how_it_ended(self.child.wait()))
        if isinstance(answer, str):
            return Verdict(BROKEN, "none", detail=answer)
        return answer

    def end(self) -> None:
        if self.child is not None:
            self.child.kill()
            self.child.wait()


@click.command(help=__doc__)
@click.option(
    "--inputs", default=20000, show_default=True, help="Damaged files, in equal parts of each target."
)
@click.option("--targets", multiple=True, type=click.Choice(list(TARGETS)), help="Only these. [default: all]")
@click.option("--seed", default=0, show_default=True)
@click.option("--only", help="One input: the number that a fault was reported with.")
@click.option("--processes", default=1, show_default=True)
@click.option("--minutes", default=60.0, show_default=True, help="End sooner, and count what was done.")
def main(
    inputs: int, targets: tuple[str, ...], seed: int, only: str | None, processes: int, minutes: float
) -> None:
    names = targets or tuple(TARGETS)
    numbers = [only] if only else [f"{seed}.{number}" for number in range(-(-inputs // len(names)))]
    work = [(name, number) for number in numbers for name in names]
    counts, slowest = {name: Counter() for name in names}, dict.fromkeys(names, 0.0)
    lock, begun = threading.Lock(), time.monotonic()

    def work_off() -> None:
        runner = Runner()
        while True:
            with lock:
                if not work or time.monotonic() - begun > 60 * minutes:
                    return runner.end()
                name, number = work.pop(0)
            verdict = runner.assess(name, number)
            with lock:
                counts[name][verdict.outcome] += 1
                slowest[name] = max(slowest[name], verdict.seconds)
                if verdict.outcome not in (SOUND, REFUSED):
                    click.echo(f"{verdict.outcome}: {name} {number} ({verdict.mutation}): {verdict.detail}")

    threads = [threading.Thread(target=work_off) for _ in range(processes)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    print_table(counts, slowest)
    total = sum(sum(each.values()) for each in counts.values())
    faults = sum(each[outcome] for each in counts.values() for outcome in OUTCOMES[2:])
    click.echo(f"{total} inputs, {faults} faults, {time.monotonic() - begun:.0f} s, seed {seed}")
    sys.exit(1 if faults else 0)


def print_table(counts: dict[str, Counter], slowest: dict[str, float]) -> None:
    """A Markdown table: a row per target, a column per outcome."""
    click.echo(f"| file | inputs | {' | '.join(OUTCOMES)} | slowest |")
    click.echo("|---" * (len(OUTCOMES) + 3) + "|")
    for name, each in counts.items():
        cells = [str(each[outcome]) for outcome in OUTCOMES]
        click.echo(f"| {name} | {sum(each.values())} | {' | '.join(cells)} | {slowest[name]:.1f} s |")


if __name__ == "__main__":
    main()
