"""A whole program in a process of its own: how long it takes, and what its processes hold in memory."""

from __future__ import annotations

import resource
import subprocess
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from scripts.benchmarks.harness.peaks import LOOK_SECONDS, high_water
from scripts.benchmarks.harness.rounds import tree_ids

LAST_LINES = 15  # of what a failed program wrote


@dataclass(frozen=True)
class Watched:
    """seconds: from start to end. processor_seconds: of all its processes. peak_mb: the most resident memory
    that they held together, looked up every LOOK_SECONDS, and no less than the peak of any one of them."""

    seconds: float
    processor_seconds: float
    peak_mb: float


class ProgramError(Exception):
    """A program ended with an error, or did other work than it should."""


def run_watched(
    command: Sequence[str], environment: Mapping[str, str], folder: Path | None = None
) -> Watched:
    """Run a program to its end. folder: its working folder. Raises ProgramError if it fails. Linux only."""
    spent = child_seconds()
    begun = time.perf_counter()
    with tempfile.TemporaryFile() as output:
        process = subprocess.Popen(
            command, env=dict(environment), cwd=folder, stdout=output, stderr=subprocess.STDOUT
        )
        together = single = 0.0
        while process.poll() is None:
            tree = tree_ids(process.pid)
            together = max(together, sum(map(resident, tree)))
            single = max([single, *map(high_water, tree)])
            time.sleep(LOOK_SECONDS)
        elapsed = time.perf_counter() - begun
        if process.returncode:
            output.seek(0)
            lines = output.read().decode(errors="replace").strip().splitlines()[-LAST_LINES:]
            raise ProgramError(f"{' '.join(command)} ended with {process.returncode}:\n" + "\n".join(lines))
    return Watched(elapsed, child_seconds() - spent, max(together, single))


def resident(pid: int) -> float:
    """Resident memory of a process, in MB; 0 if it has ended."""
    try:
        pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    except OSError:
        return 0.0
    return pages * resource.getpagesize() / 2**20


def child_seconds() -> float:
    """Processor seconds of all processes that this one has waited for, and of those that they waited for."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime
