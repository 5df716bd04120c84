"""Whether instances fit into the free memory."""

from __future__ import annotations

from collections.abc import Mapping
from math import prod
from pathlib import Path

import psutil

from extract.store import StoreError

CGROUP = Path("/sys/fs/cgroup")


def check_memory(instances: int, shapes: Mapping[str, tuple[int, int]], *, videos: int) -> None:
    """Raise StoreError if instances do not fit into the free memory as float32.

    shapes: modality -> [C, D] of one instance.
    """
    one = 4 * sum(prod(shape) for shape in shapes.values())
    need, free = one * instances, free_memory()
    if need > free:
        raise StoreError(
            f"{instances} instances of {videos} videos take {need / 1e9:.1f} GB of memory, but only "
            f"{free / 1e9:.1f} GB are free; data.segments.mode=mean pools a video to data.segments.n of "
            f"them: n=32 takes {32 * videos * one / 1e9:.1f} GB"
        )


def free_memory() -> int:
    """Bytes that this process may still take without swapping."""
    free = psutil.virtual_memory().available
    # psutil sees the machine; a container has its own limit, which the page cache does not count towards.
    try:
        limit, used = (int((CGROUP / name).read_text()) for name in ("memory.max", "memory.current"))
        cached = dict(line.split() for line in (CGROUP / "memory.stat").read_text().splitlines())
        return min(free, limit - used + int(cached["inactive_file"]) + int(cached["active_file"]))
    except (OSError, KeyError, ValueError):
        # No container, or no limit: "max" is not a number.
        return free
