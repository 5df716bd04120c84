"""Kill every verb that writes, and fill the disk under it, again and again: what was there stays whole.

    python -m scripts.tools.kill_matrix --kills 5
    python -m scripts.tools.kill_matrix --verbs pack,train --faults KILL,FULL --kills 20 --seed 1

A try copies a small prepared folder, in which an older result lies, starts the verb there, and injects one
fault: SIGKILL, SIGTERM or SIGINT at a random moment, or a file system of random size (a tmpfs; where nothing
may be mounted, a limit on the size of files). Then every file is its older self or what the verb writes. The
same command runs again: it ends well, leaves no partial file and no temporary folder, and its result is that
of an undisturbed run. Ends with a table.
"""

from __future__ import annotations

import contextlib
import json
import os
import random
import resource
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import click

from extract.runtime.atomic import write_text
from scripts.tools.kill_verbs import VERBS, Bench, Verb, canonical, prepare

HANDLES_SECONDS = 60.0  # for a process to install its handlers
END_SECONDS = 120.0
STOPS = {"TERM": signal.SIGTERM, "INT": signal.SIGINT}
FAULTS = ("KILL", "TERM", "INT", "FULL")


@dataclass
class Row:
    """The tries of one verb with one fault, and what went wrong in them."""

    tries: int = 0
    hit: int = 0  # tries in which the fault found the verb at work
    older_kept: int = 0
    clean: int = 0  # nothing is left over after the next run
    same: int = 0  # the next run's result is that of an undisturbed one
    lines: int = 0  # one line, without a traceback; for a full disk it names a file of the result
    codes: int = 0
    problems: list[str] = field(default_factory=list)


class Trial:
    """One working folder with an older result, and the verb's command in it."""

    def __init__(self, bench: Bench, verb: Verb, place: Path):
        self.bench, self.verb, self.place = bench, verb, place
        self.work, self.temporary = place / "work", place / "tmp"

    def fill(self) -> None:
        shutil.copytree(self.bench.older(self.verb), self.work)
        self.temporary.mkdir()

    def start(self, *, largest: int | None = None) -> subprocess.Popen:
        def limited():
            if largest is not None:
                signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
                resource.setrlimit(resource.RLIMIT_FSIZE, (largest, largest))

        return subprocess.Popen(
            self.verb.command(self.bench),
            cwd=self.work,
            env={**os.environ, "TMPDIR": str(self.temporary), "OMP_NUM_THREADS": "1"},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
            preexec_fn=limited,
        )

    def broken(self) -> list[str]:
        """Files that are neither what they were nor what the verb writes."""
        older, new = self.bench.contents(self.verb, "older"), self.bench.contents(self.verb, "calm")
        found = {path: canonical(self.work / path) for path in names(self.work) if not self.verb.grows(path)}
        torn = [path for path, content in found.items() if content not in (older.get(path), new.get(path))]
        gone = [path for path in older if path not in found and not self.verb.grows(path)]
        return [f"{path} is torn" for path in torn] + [f"{path} is gone" for path in gone]

    def differs(self) -> list[str]:
        """Files that are not as after an undisturbed run."""
        new = self.bench.contents(self.verb, "calm")
        found = {path: canonical(self.work / path) for path in names(self.work)}
        return sorted(path for path in found.keys() | new.keys() if found.get(path) != new.get(path))

    def left_over(self) -> list[str]:
        partial = [str(path.relative_to(self.place)) for path in self.work.rglob("*.partial")]
        return partial + [f"tmp/{path.name}" for path in self.temporary.glob("vad-*")]


def names(folder: Path) -> list[str]:
    """Paths of all files of a result below a folder; partial files and locks are none."""
    skipped = (".partial", ".lock", "-journal", ".index.sqlite")
    files = [path for path in folder.rglob("*") if path.is_file() and not path.name.endswith(skipped)]
    return sorted(str(path.relative_to(folder)) for path in files)


def run(bench: Bench, verb: Verb, fault: str, dice: random.Random, row: Row) -> None:
    """One try."""
    with tempfile.TemporaryDirectory(prefix="kill-matrix-") as folder, contextlib.ExitStack() as stack:
        trial, largest, size = Trial(bench, verb, Path(folder)), None, 0
        if fault == "FULL":
            size = bench.random_size(verb, dice)
            trial.work.mkdir()
            if stack.enter_context(mounted(trial.work, size)):
                shutil.copytree(bench.older(verb), trial.work, dirs_exist_ok=True)
                trial.temporary.mkdir()
            else:
                trial.work.rmdir()
                trial.fill()
                largest = dice.randrange(1, bench.largest_file(verb))
        else:
            trial.fill()
        process = trial.start(largest=largest)
        hit = inject(process, trial, fault, dice, bench.seconds(verb))
        _, errors = finish(process, verb if fault == "FULL" else None)
        code = process.wait()
        row.tries, row.hit = row.tries + 1, row.hit + (hit or code != 0)
        problems = trial.broken()
        row.older_kept += not problems
        done = not trial.differs()
        code_problem = "" if done and code < 0 else wrong_code(fault, code, verb)
        row.codes += not code_problem
        line_problem = wrong_lines(fault, code, errors, trial)
        row.lines += not line_problem
        if fault == "FULL" and largest is None:
            subprocess.run(["mount", "-o", "remount,size=1g", str(trial.work)], check=True)
        again = trial.start()
        more, more_errors = finish(again, verb)
        # pack refuses a target that exists; it ends with 2 where the fault came too late.
        ended_well = again.returncode in verb.ends or (done and verb.once and again.returncode == 2)
        left, differ = trial.left_over(), trial.differs()
        row.clean += not left
        row.same += ended_well and not differ
        problems += [code_problem, line_problem, *(f"{each} is left over" for each in left)]
        problems += [f"{each} differs" for each in differ]
        if not ended_well:
            problems.append(f"the next run ended with {again.returncode}: {(more + more_errors)[-1500:]}")
        for problem in filter(None, problems):
            row.problems.append(f"{verb.name} {fault}: {problem}")
            click.echo(f"  {row.problems[-1]}", err=True)


def inject(process: subprocess.Popen, trial: Trial, fault: str, dice: random.Random, seconds: float) -> bool:
    """Send the signal of a fault at a random moment; returns whether the process was still at work.

    Half of the moments are a few milliseconds after a partial file has appeared.
    """
    if fault == "FULL":
        return False
    if fault in STOPS:
        wait_for_handlers(process)
    until = time.monotonic() + dice.uniform(0, seconds)
    if dice.random() < 0.5:
        limit = time.monotonic() + 2 * seconds
        while process.poll() is None and time.monotonic() < limit:
            if next(trial.work.rglob("*.partial"), None):
                until = time.monotonic() + dice.uniform(0, 0.02)
                break
            time.sleep(0.001)
    while process.poll() is None and time.monotonic() < until:
        time.sleep(0.001)
    if process.poll() is not None:
        return False
    process.send_signal(signal.SIGKILL if fault == "KILL" else STOPS[fault])
    return True


def wait_for_handlers(process: subprocess.Popen) -> None:
    """Until a process handles SIGTERM itself: before that Python's own start ends by any signal."""
    limit = time.monotonic() + HANDLES_SECONDS
    while process.poll() is None and time.monotonic() < limit:
        with contextlib.suppress(OSError):
            for line in Path(f"/proc/{process.pid}/status").read_text().splitlines():
                if line.startswith("SigCgt:") and int(line.split()[1], 16) >> (signal.SIGTERM - 1) & 1:
                    return
        time.sleep(0.002)


def finish(process: subprocess.Popen, served: Verb | None) -> tuple[str, str]:
    """Wait for the end. served: a verb that may serve without an end, and is then asked to end."""
    if served is not None and served.serves:
        served.wait(process)
        process.send_signal(signal.SIGTERM)
    try:
        return process.communicate(timeout=END_SECONDS)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        out, errors = process.communicate()
        return out, f"{errors}\nit did not end in {END_SECONDS:g} s"


def wrong_code(fault: str, code: int, verb: Verb) -> str:
    expected = {
        "KILL": (-signal.SIGKILL, *verb.ends),
        "TERM": (128 + signal.SIGTERM, *verb.ends),
        "INT": (128 + signal.SIGINT, *verb.ends),
        "FULL": (1, 2, *verb.ends),
    }[fault]
    return "" if code in expected else f"exit code {code}, expected one of {expected}"


def wrong_lines(fault: str, code: int, errors: str, trial: Trial) -> str:
    if "Traceback" in errors:
        return f"a traceback: {errors[-1500:]}"
    if fault in STOPS and code == 128 + STOPS[fault]:
        return "" if "stopped" in errors else f"no line says that it was stopped: {errors[-300:]}"
    if fault == "FULL" and code in (1, 2) and code not in trial.verb.ends:
        said = [line for line in errors.splitlines() if "No space left" in line or "File too large" in line]
        if not said:
            return f"no line says that the disk is full: {errors[-600:]}"
        if ".partial" in "".join(said) or not any(name in line for line in said for name in trial.verb.named):
            return f"the line does not name the file: {said[0][-300:]}"
    return ""


@contextlib.contextmanager
def mounted(folder: Path, size: int) -> Iterator[bool]:
    """A tmpfs of a size at a folder; yields False where nothing may be mounted."""
    command = ["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(folder)]
    try:
        done = subprocess.run(command, capture_output=True).returncode == 0
    except OSError:
        done = False
    try:
        yield done
    finally:
        if done:
            subprocess.run(["umount", "--lazy", str(folder)], check=True)


@click.command(help=__doc__)
@click.option("--verbs", "chosen", default=",".join(VERBS), show_default="all", help="Separated by commas.")
@click.option("--faults", default=",".join(FAULTS), show_default=True, help="Separated by commas.")
@click.option("--kills", type=click.IntRange(1), default=3, show_default=True, help="Tries of each.")
@click.option("--seed", default=0, show_default=True, help="Of the moments and sizes.")
@click.option("--json", "json_file", type=click.Path(dir_okay=False, path_type=Path), help="All numbers.")
def main(chosen: str, faults: str, kills: int, seed: int, json_file: Path | None) -> None:
    verbs = [VERBS[name] for name in chosen.split(",")]
    with tempfile.TemporaryDirectory(prefix="kill-bench-") as folder:
        bench = prepare(Path(folder), verbs)
        table = matrix(bench, verbs, faults.split(","), kills=kills, seed=seed)
    click.echo("\n".join(markdown(table)))
    if json_file:
        rows = {" ".join(key): vars(row) for key, row in table.items()}
        write_text(json_file, json.dumps(rows, indent=1) + "\n")
    sys.exit(any(row.problems for row in table.values()))


def matrix(
    bench: Bench, verbs: list[Verb], faults: list[str], *, kills: int, seed: int
) -> dict[tuple[str, str], Row]:
    """(verb, fault) -> its tries."""
    table = {}
    for verb in verbs:
        for fault in faults:
            row = table[verb.name, fault] = Row()
            dice = random.Random(f"{seed} {verb.name} {fault}")
            for _ in range(kills):
                run(bench, verb, fault, dice, row)
            click.echo(f"{verb.name} {fault}: {row.tries} tries, {len(row.problems)} problems", err=True)
    return table


def markdown(table: dict[tuple[str, str], Row]) -> list[str]:
    lines = [
        "| verb | fault | tries | at work | older kept | clean afterwards | same result | lines | codes |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    for (verb, fault), row in table.items():
        counts = (row.tries, row.hit, row.older_kept, row.clean, row.same, row.lines, row.codes)
        lines.append(f"| {verb} | {fault} | {' | '.join(map(str, counts))} |")
    return lines


if __name__ == "__main__":
    main()
