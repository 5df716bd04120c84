"""Whether the machine is what limits a run: other programs, its host, or the limit of its container."""

from __future__ import annotations

import os
import time
from dataclasses import dataclass

import psutil

from extract.runtime.machine.limits import cpu_quota, throttled_periods

# Shares of the processors from which others count, and above which idle ones mean that nobody lacks any.
LEAST_SHARE, MOST_IDLE = 0.1, 0.1
# Share of a container's periods in which it was stopped.
LEAST_STOPPED = 0.2
BUSY = ("user", "nice", "system", "irq", "softirq")  # user contains guest
BETWEEN_SECONDS = 2.0  # between readings: one goes through all processes of the machine


@dataclass(frozen=True)
class Reading:
    """Counters since some moment in the past."""

    seconds: float  # of the wall
    # processor seconds on the processors that this process may use: of all programs, stolen by the host, idle
    busy: float
    stolen: float
    idle: float
    # of this process, its descendants and their dead children
    own: float
    # periods of the container's limit, and those in which it was stopped
    periods: int
    stopped: int

    @classmethod
    def now(cls) -> Reading:
        """Of this machine; counters of 0 where its system does not let this process read them."""
        try:
            return cls._now()
        except (OSError, psutil.Error):
            return cls(time.monotonic(), busy=0.0, stolen=0.0, idle=0.0, own=0.0, periods=0, stopped=0)

    @classmethod
    def _now(cls) -> Reading:
        each = psutil.cpu_times(percpu=True)
        allowed = [each[core] for core in os.sched_getaffinity(0) if core < len(each)]
        idle = sum(times.idle + getattr(times, "iowait", 0.0) for times in allowed)
        stolen = sum(getattr(times, "steal", 0.0) for times in allowed)
        busy = sum(getattr(times, name, 0.0) for times in allowed for name in BUSY)
        return cls(time.monotonic(), busy, stolen, idle, tree_seconds(), *throttled_periods())


class MachineLoad:
    """Compares readings of the machine: the first, and the latest two."""

    def __init__(self) -> None:
        self.first = self._before = Reading.now()
        self._limit = ""

    def limit(self) -> str:
        """What limited this process in the last seconds; "" for nothing but itself."""
        if time.monotonic() - self._before.seconds >= BETWEEN_SECONDS:
            now = Reading.now()
            self._limit, self._before = limit_between(self._before, now), now
        return self._limit

    def limit_of_all(self) -> str:
        """As limit, since the beginning."""
        return limit_between(self.first, Reading.now())


def limit_between(before: Reading, after: Reading, *, quota: float | None = None) -> str:
    """What took processors from this process between two readings; "" for nothing.

    quota: processors that its container may use on average; None looks.
    """
    busy, stolen, idle = (
        max(0.0, getattr(after, name) - getattr(before, name)) for name in ("busy", "stolen", "idle")
    )
    whole = busy + stolen + idle
    if whole <= 0:
        return ""
    parts = []
    cores = len(os.sched_getaffinity(0))
    # Where processors are idle, others take nothing away.
    if idle / whole <= MOST_IDLE:
        others = max(0.0, busy - max(0.0, after.own - before.own)) / whole
        if others >= LEAST_SHARE:
            parts.append(f"other programs use {others * cores:.1f} of {cores} cores")
        if stolen / whole >= LEAST_SHARE:
            parts.append(f"the host takes {stolen / whole * cores:.1f} of {cores} cores")
    periods, stopped = after.periods - before.periods, after.stopped - before.stopped
    if periods > 0 and stopped / periods >= LEAST_STOPPED:
        quota = cpu_quota() if quota is None else quota
        if quota is not None:
            share = stopped / periods
            parts.append(f"the container's limit of {quota:g} cores is reached {share:.0%} of the time")
    return ", ".join(parts)


def tree_seconds() -> float:
    """Processor seconds of this process, its descendants and their dead children."""
    total = 0.0
    this = psutil.Process()
    for process in [this, *this.children(recursive=True)]:
        try:
            total += sum(process.cpu_times()[:4])
        except psutil.Error:  # it has just ended, and counts with its parent
            continue
    return total
