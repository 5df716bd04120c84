"""What this process may use of its machine: cores, memory and open files. A container may use less."""

from __future__ import annotations

import math
import os
import resource
from collections.abc import Iterator
from pathlib import Path

import psutil

# Open files: of a run by itself, and of each decode worker in the process that started it.
FILES_OF_A_RUN, FILES_OF_A_WORKER = 40, 8
CGROUP = Path("/sys/fs/cgroup")
# Where a limit, what is used of it, and the page cache in that stand: cgroup v2, which has one folder for all
# kinds of limits, and v1, which has a folder for each.
MEMORY_FILES = (
    ("", "memory.max", "memory.current", ("inactive_file", "active_file")),
    (
        *("memory", "memory.limit_in_bytes", "memory.usage_in_bytes"),
        ("total_inactive_file", "total_active_file"),
    ),
)
NO_LIMIT_V1 = 1 << 60  # how v1 writes that there is none


def cores() -> int:
    """Processors that this process may keep busy: its affinity, and its container's quota rounded up."""
    allowed = len(os.sched_getaffinity(0))
    quota = cpu_quota()
    return allowed if quota is None else max(1, min(allowed, math.ceil(quota)))


def cpu_quota() -> float | None:
    """Processors that the container may use on average, cgroup v2 or v1; None without a limit."""
    found = []
    for folder in _own_folders(""):
        limit, _, period = _read(folder / "cpu.max").partition(" ")
        if limit.isdecimal() and period.isdecimal() and int(period):
            found.append(int(limit) / int(period))
    for folder in _own_folders("cpu"):
        limit, period = _read(folder / "cpu.cfs_quota_us"), _read(folder / "cpu.cfs_period_us")
        if limit.isdecimal() and period.isdecimal() and int(limit) and int(period):
            found.append(int(limit) / int(period))
    return min(found, default=None)


def throttled_periods() -> tuple[int, int]:
    """(periods, those in which it was stopped) of the limit of processors that stopped this process most.

    Since the container began; (0, 0) without a limit.
    """
    found = [(0, 0)]
    for kind in ("", "cpu"):
        for folder in _own_folders(kind):
            lines = _read(folder / "cpu.stat").splitlines()
            facts = {name: count for name, _, count in (line.partition(" ") for line in lines)}
            periods, stopped = (facts.get(name, "0") for name in ("nr_periods", "nr_throttled"))
            if periods.isdecimal() and stopped.isdecimal():
                found.append((int(periods), int(stopped)))
    return max(found, key=lambda each: each[1])


def memory_limit() -> int | None:
    """Bytes that the container may use, cgroup v2 or v1; None without a limit."""
    texts = [_read(folder / name) for kind, name, *_ in MEMORY_FILES for folder in _own_folders(kind)]
    limits = [int(text) for text in texts if text.isdecimal() and int(text) < NO_LIMIT_V1]
    return min(limits, default=None)


def free_memory() -> int:
    """Bytes that this process may still take without swapping."""
    found = [psutil.virtual_memory().available]
    for controller, limit, used, cache in MEMORY_FILES:
        for folder in _own_folders(controller):
            texts = _read(folder / limit), _read(folder / used)
            if all(text.isdecimal() for text in texts) and int(texts[0]) < NO_LIMIT_V1:
                # The page cache counts as used, but the kernel gives it back.
                lines = [line.partition(" ") for line in _read(folder / "memory.stat").splitlines()]
                cached = sum(int(value) for name, _, value in lines if name in cache and value.isdecimal())
                found.append(max(0, int(texts[0]) - int(texts[1]) + cached))
    return min(found)


def raise_open_files() -> int:
    """Raise the limit of open files to what the system allows without being asked; returns it."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != hard and soft != resource.RLIM_INFINITY:
        try:
            resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
            soft = hard
        except (ValueError, OSError):  # macOS states a hard limit that it then refuses
            pass
    return 1 << 20 if soft == resource.RLIM_INFINITY else soft


def workers_that_fit(wanted: int) -> int:
    """At most `wanted` decode workers, as many as the limit of open files allows; at least one."""
    return max(1, min(wanted, (raise_open_files() - FILES_OF_A_RUN) // FILES_OF_A_WORKER))


def _own_folders(kind: str) -> Iterator[Path]:
    """The folders of this process's cgroup from its own up to the root, each of which may have a limit.

    kind: of limits, such as "cpu", for v1; "" for v2.
    """
    root, below = CGROUP / kind, ""
    for line in _read(Path("/proc/self/cgroup")).splitlines():
        _, kinds, path = (line.split(":", 2) + ["", ""])[:3]
        if kind in kinds.split(","):  # "" is the only kind of v2
            below = path.strip("/")
    here = root / below
    while True:
        yield here
        if here == root or root not in here.parents:
            return
        here = here.parent


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="ascii", errors="replace").strip()
    except OSError:
        return ""
