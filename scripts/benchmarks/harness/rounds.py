"""How the benchmarks measure: sample by sample in turn, over rounds, with an eye on what else the machine
does.

A sample counts as clean if other processes took less than 15 % of the processors while it ran. Rounds
continue until enough of them are clean or the limit is reached; every number says how many were clean. Where
none was, all of them count, and the number says so.
"""

from __future__ import annotations

import json
import os
import platform
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import click
import numpy as np
import psutil

from extract.runtime.machine.machine_load import tree_seconds

QUIET = 0.15
TICKS = os.sysconf("SC_CLK_TCK")
CORES = len(os.sched_getaffinity(0))


@dataclass(frozen=True)
class Sample:
    """value: what was measured, usually seconds. others: share of all processors that other processes took
    meanwhile."""

    value: Any
    others: float


Rounds = list[dict[str, Sample]]


@dataclass(frozen=True)
class Result:
    """A row of the table. value: median over the rounds, NaN = empty with a reason; low, high: their range.

    threshold, aim: the target, and a more ambitious one; smaller: less is better. rounds: how many the median
    is of; clean: how many of those were undisturbed, all or none; taken: how many were run, disturbed ones
    included.
    """

    name: str
    value: float
    unit: str
    threshold: float | None = None
    aim: float | None = None
    low: float = float("nan")
    high: float = float("nan")
    rounds: int = 0
    clean: int = 0
    taken: int = 0
    smaller: bool = False
    note: str = ""

    @property
    def missed(self) -> bool:
        if self.threshold is None or self.value != self.value:
            return False
        return self.value > self.threshold if self.smaller else self.value < self.threshold


def take_rounds(
    works: Mapping[str, Callable[[], Any]], *, rounds: int, most: int | None = None, warm_up: bool = True
) -> Rounds:
    """Call every work once per round, in turn; each returns its value. most: after how many rounds to stop
    waiting for clean ones; twice `rounds` by default."""
    if warm_up:
        for work in works.values():
            work()
    taken: Rounds = []
    while len(taken) < (most or 2 * rounds) and sum(map(is_clean, taken)) < rounds:
        taken.append({name: sample(work) for name, work in works.items()})
        if len(taken) >= rounds and not any(map(is_clean, taken)):
            break  # a machine that is never quiet: more rounds would not help
    return taken


def sample(work: Callable[[], Any]) -> Sample:
    """One measurement, and what other processes did meanwhile; the value is whatever the work returns."""
    busy, own, began = busy_seconds(), tree_seconds(), time.perf_counter()
    value = work()
    elapsed = time.perf_counter() - began
    others = (busy_seconds() - busy) - (tree_seconds() - own)
    return Sample(value, max(0.0, others) / (CORES * max(elapsed, 1e-9)))


def is_clean(samples: dict[str, Sample]) -> bool:
    return all(each.others < QUIET for each in samples.values())


def row(
    name: str,
    rounds: Rounds,
    value: Callable[[dict[str, Any]], float],
    unit: str,
    *,
    threshold: float | None = None,
    aim: float | None = None,
    smaller: bool = False,
    note: str = "",
) -> Result:
    """The median over rounds. value: computes the number from one round's values by name."""
    clean = [each for each in rounds if is_clean(each)]
    values = [value({key: each.value for key, each in samples.items()}) for samples in clean or rounds]
    if not clean:
        note = f"{note}; " * bool(note) + "no clean round, all count"
    return Result(
        name,
        float(np.median(values)),
        unit,
        threshold,
        aim,
        min(values),
        max(values),
        rounds=len(values),
        clean=len(clean),
        taken=len(rounds),
        smaller=smaller,
        note=note,
    )


def empty(
    name: str, unit: str, reason: str, *, threshold: float | None = None, aim: float | None = None
) -> Result:
    """A row that cannot be measured here."""
    return Result(name, float("nan"), unit, threshold, aim, note=reason)


def busy_seconds() -> float:
    """Processor seconds that the machine has spent, time stolen by a hypervisor included."""
    fields = list(map(int, Path("/proc/stat").read_text().split("\n", 1)[0].split()[1:9]))
    user, nice, system, _, _, hard, soft, stolen = fields
    return (user + nice + system + hard + soft + stolen) / TICKS


def tree_ids(root: int) -> list[int]:
    """A process and its descendants; nothing if it has ended."""
    try:
        return [root, *(each.pid for each in psutil.Process(root).children(recursive=True))]
    except psutil.NoSuchProcess:
        return []


def machine() -> dict:
    """What the numbers were measured on."""
    import torch

    name = next((line.split(":", 1)[1].strip() for line in _cpuinfo() if line.startswith("model name")), "")
    return {
        "processor": name or platform.machine(),
        "cores": CORES,
        "flags": sorted(flags() & WIDE),
        "memory_gb": round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1e9, 1),
        "gpu": torch.cuda.get_device_name() if torch.cuda.is_available() else None,
        "torch": torch.__version__,
    }


WIDE = {"avx2", "avx512f", "avx512_bf16", "amx_bf16", "asimd", "bf16", "sve"}


def flags() -> set[str]:
    line = next((each for each in _cpuinfo() if each.startswith(("flags", "Features"))), ":")
    return set(line.split(":", 1)[1].split())


def _cpuinfo() -> list[str]:
    return Path("/proc/cpuinfo").read_text().splitlines()


def show(results: Sequence[Result]) -> None:
    """Print one line per row; * marks a missed threshold."""
    for each in results:
        if each.value != each.value:
            click.echo(f"{each.name:66} {'-':>9} {each.unit}: {each.note}")
            continue
        target = (
            "" if each.threshold is None else f", target {'<=' if each.smaller else '>='} {each.threshold:g}"
        )
        target += f" (aim {each.aim:g})" if each.aim is not None else ""
        line = f"{each.name:66} {each.value:9.3g} [{each.low:.3g}, {each.high:.3g}] {each.unit}{target}"
        clean = f", {each.clean} clean of {each.taken} rounds" if each.taken else ""
        click.echo(line + (" *" if each.missed else "") + clean + (f" ({each.note})" if each.note else ""))


def write_json(path: Path, results: Sequence[Result]) -> None:
    rows = []
    for each in results:
        values = {key: None if value != value else value for key, value in asdict(each).items()}
        rows.append({key: value for key, value in values.items() if key != "smaller" or value})
    path.write_text(json.dumps({"machine": machine(), "results": rows}, indent=1) + "\n")


def draw(path: Path, results: Sequence[Result], title: str) -> None:
    """A bar per row with a threshold, in multiples of the threshold; whiskers are the range."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    shown = [each for each in results if each.threshold and each.value == each.value][::-1]
    figure, axes = pyplot.subplots(figsize=(9, 0.45 * len(shown) + 1.4), layout="constrained")
    for place, each in enumerate(shown):
        assert each.threshold
        parts = [value / each.threshold for value in (each.value, each.low, each.high)]
        if each.smaller:
            parts = [1 / max(part, 1e-9) for part in parts]
        middle, low, high = parts[0], min(parts[1:]), max(parts[1:])
        axes.barh(place, middle, color="tab:red" if each.missed else "tab:blue")
        axes.errorbar(
            middle, place, xerr=[[max(0, middle - low)], [max(0, high - middle)]], color="black", capsize=3
        )
        axes.text(0.02, place, f"{each.value:.3g} {each.unit}", va="center", color="white", fontsize=8)
    axes.axvline(1, color="black", linewidth=1)
    axes.set_yticks(range(len(shown)), [each.name for each in shown], fontsize=8)
    axes.set_xlabel("times the threshold (more is better)")
    axes.set_title(title, fontsize=10)
    figure.savefig(path, dpi=120)
    pyplot.close(figure)
