"""The least time that the iterations of TV-L1 can take on one core: by its multiply-adds, its roots, and its
memory.

Counted by hand from extract/flow/kernels_numba.py, for one pixel and one iteration:

    part                   multiply-adds  multiplies  adds  min, max  roots  reciprocals  operations  bytes
    update of u                        4           3     8         2      0            0          21     48
    update of p                        8           6     4         0      2            2          30     16
    convergence test                   2           0     0         0      0            0           4      0
    all                               14           9    12         2      2            2          55     64

A multiply-add is two operations, everything else one; compilers make the reciprocal an estimate and two
multiply-adds more, which are not counted. All is float32 in the widest registers, so the bound is a core's
peak of multiply-adds there. Roots go through a separate unit that is many times slower, so they are a bound
by themselves.

Bytes are those that cross the border of the core's own cache, in planes of 4 bytes per pixel. The
kernels update 8 rows at a time: u's update reads 2 planes of u, 4 of p and 4 of the linearised frames and
writes 2 of u; p's update comes right after it, finds all that it reads in the core's own cache (8 rows of the
10 planes are 109 kB at a width of 340) and writes 4. The convergence test sums changes that are in registers.
Two iterations cannot share a sweep, because the test decides after each whether there is a next one.

The 10 planes of 340x256 are 3.5 MB, too many for a core's own cache and few enough for the one that cores
share: what bounds is not the main memory's stream but that of arrays as large as the planes. It is measured
as the kernels sweep, up and down in turn, so what one sweep leaves in the core's own cache helps the next
there too. Coarser scales stream about as fast. Warps, medians and resizing have no bound here.
"""

from __future__ import annotations

import time
from collections.abc import Callable

import numpy as np

from scripts.benchmarks.harness.bounds import SECONDS, FmaPeak

OPERATIONS, ROOTS, PLANES, BYTES = 55, 2, 10, 64  # per pixel and iteration; PLANES: how many it reads
MAIN = 1 << 28  # bytes far beyond any cache
BOUNDS = ("multiply-adds", "roots", "memory")
BLOCK = 2720  # numbers that are updated together: 8 rows of 340


class MemoryPeak:
    """Bytes that one core reads and writes per second, where two arrays of `size` bytes together lie: a +=
    factor b."""

    def __init__(self, size: int):
        from numba import njit

        @njit(fastmath=True, nogil=True)
        def sweep(updated, read, factor, count):
            blocks = updated.size // BLOCK
            for number in range(count):
                for block in range(blocks):
                    start = BLOCK * (block if number % 2 == 0 else blocks - 1 - block)
                    here, there = updated[start : start + BLOCK], read[start : start + BLOCK]
                    for k in range(BLOCK):
                        here[k] += factor * there[k]

        length = max(1, size // 8 // BLOCK) * BLOCK
        self.arrays = np.ones(length, np.float32), np.ones(length, np.float32)
        self.sweep, self.moved = sweep, 12 * length  # bytes per sweep: read both, write one
        self._run(1)
        self.count = _fill(self._run, 2)

    def gbytes(self) -> float:
        """GB/s."""
        return 1e-9 * self.moved * self.count / self._run(self.count)

    def _run(self, count: int) -> float:
        return _seconds(lambda: self.sweep(*self.arrays, np.float32(1e-6), count))


class RootPeak:
    """float32 square roots of one core, in registers."""

    WIDTH = 96

    def __init__(self):
        from numba import njit

        width = self.WIDTH

        @njit(fastmath=True, nogil=True)
        def root(count, out):
            values = np.empty(width, np.float32)
            values[:] = out
            for _ in range(count):
                for k in range(width):
                    values[k] = np.sqrt(values[k])
            out[:] = values

        self.work = root
        self._run(1)
        self.count = _fill(self._run, 1000)

    def groots(self) -> float:
        """Square roots per second, in 10^9."""
        return 1e-9 * self.WIDTH * self.count / self._run(self.count)

    def _run(self, count: int) -> float:
        return _seconds(lambda: self.work(count, np.full(self.WIDTH, 1.5, np.float32)))


class CorePeaks:
    """Everything that bounds one core. Use it in its own process: FmaPeak sets how numba compiles."""

    def __init__(self, working_set: int):
        self.adds, self.roots = FmaPeak(), RootPeak()
        self.near, self.far = MemoryPeak(working_set), MemoryPeak(MAIN)

    def rates(self) -> dict[str, float]:
        """10^9 operations, square roots, and bytes near and far, per second."""
        return {
            "adds": self._gflops(),
            "roots": self.roots.groots(),
            "near": self.near.gbytes(),
            "far": self.far.gbytes(),
        }

    def _gflops(self) -> float:
        """The peak of one core, which may run faster than when all are busy."""
        peak, out = self.adds, np.zeros(self.adds.width, np.float32)
        spent = _seconds(lambda: peak.work(peak.count, np.float32(0.999), np.float32(0.001), out))
        return 2e-9 * peak.width * peak.count / spent


def least(rates: dict[str, float], iterations: float, pixels: int) -> dict[str, float]:
    """Milliseconds that this many iterations of a frame take at least, by each bound."""
    steps = 1e-6 * iterations * pixels  # in 10^6: over rates in 10^9 per second this gives milliseconds
    spent = steps * OPERATIONS / rates["adds"], steps * ROOTS / rates["roots"], steps * BYTES / rates["near"]
    return dict(zip(BOUNDS, spent, strict=True))


def _seconds(work: Callable[[], None]) -> float:
    """Processor seconds, which other processes disturb little."""
    begun = time.process_time()
    work()
    return time.process_time() - begun


def _fill(run: Callable[[int], float], first: int) -> int:
    """How often to repeat for a measurement of SECONDS."""
    return max(first, int(first * SECONDS / max(run(first), 1e-6)))
