"""Whether cost grows faster than the work: the slope of the last stretch over that of the first."""
from __future__ import annotations

from collections.abc import Mapping

from rounds import Result, Sample, row

MOST = 1.2  # 1 is a straight line; differences between single runs scatter


def steeper(name: str, seconds: Mapping[int, float], others: float) -> Result:
    """seconds: at three sizes of the work. others: share of the processors that other processes had meanwhile.

    What a run costs before its first item drops out of the slopes, so that it cannot hide a cost that grows faster than
    the work; the note says how much it is.
    """
    first, middle, last = sorted(seconds)
    early = (seconds[middle] - seconds[first]) / (middle - first)
    late = (seconds[last] - seconds[middle]) / (last - middle)
    start = max(0.0, seconds[last] - last * late)
    one = [{"slope": Sample(late / max(early, 1e-9), others)}]
    return row(
        f"{name}: seconds more a unit of work from {middle}x on over those before", one, lambda s: s["slope"], "ratio",
        threshold=MOST, smaller=True, note=f"start-up {start:.1f} s",
    )
