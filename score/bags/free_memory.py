"""Whether what is to be kept in memory fits there."""

from __future__ import annotations

from collections.abc import Mapping
from math import prod
from pathlib import Path

from extract.store import StoreError

CGROUP = Path("/sys/fs/cgroup")


def check_room(instances: int, shapes: Mapping[str, tuple[int, int]], *, videos: int) -> None:
    """Raise StoreError where instances of shapes [C, D] by modality do not fit into the free memory as float32."""
    one = 4 * sum(prod(shape) for shape in shapes.values())
    need, free = one * instances, free_memory()
    if free is not None and need > free:
        raise StoreError(
            f"{instances} instances of {videos} videos take {need / 1e9:.1f} GB of memory, and {free / 1e9:.1f} GB are "
            f"free; data.segments.mode=mean pools a video to data.segments.n of them: n=32 takes {32 * videos * one / 1e9:.1f} GB"
        )


def free_memory() -> int | None:
    """Bytes that this process may still take without swapping; None where the system does not say."""
    try:
        lines = dict(line.split(":") for line in Path("/proc/meminfo").read_text().splitlines())
        free = int(lines["MemAvailable"].split()[0]) * 1024
    except (OSError, KeyError, ValueError):
        return None
    try:  # a container's own limit; what its files keep in the cache is given back
        limit, used = (int((CGROUP / name).read_text()) for name in ("memory.max", "memory.current"))
        cached = dict(line.split() for line in (CGROUP / "memory.stat").read_text().splitlines())
        return min(free, limit - used + int(cached["inactive_file"]) + int(cached["active_file"]))
    except (OSError, KeyError, ValueError):  # no limit: "max" is no number
        return free
