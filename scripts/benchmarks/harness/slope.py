"""Whether cost grows faster than the work: the slope of the last interval over that of the first."""

from __future__ import annotations

import numpy as np

from scripts.benchmarks.harness.rounds import Result, Rounds, row

MOST = 1.2  # 1 is a straight line; differences between single runs scatter


def steeper(name: str, taken: Rounds) -> Result:
    """taken: rounds of seconds at three sizes of the work, named by them, as "4x".

    What a run costs before its first item drops out of the slopes, so that it cannot hide a cost that grows
    faster than the work; the note says how much it is.
    """
    sizes = first, middle, last = sorted(size_of(each) for each in taken[0])

    def slopes(seconds: dict[str, float]) -> tuple[float, float]:
        low, between, high = (seconds[f"{size}x"] for size in sizes)
        return (between - low) / (middle - first), (high - between) / (last - middle)

    def ratio(seconds: dict[str, float]) -> float:
        early, late = slopes(seconds)
        return late / max(early, 1e-9)

    starts = [
        each[f"{last}x"].value - last * slopes({key: one.value for key, one in each.items()})[1]
        for each in taken
    ]
    return row(
        f"{name}: seconds per unit of work from {middle}x on over those before",
        taken,
        ratio,
        "ratio",
        threshold=MOST,
        smaller=True,
        note=f"start-up {max(0.0, float(np.median(starts))):.1f} s",
    )


def size_of(name: str) -> int:
    return int(name.removesuffix("x"))
