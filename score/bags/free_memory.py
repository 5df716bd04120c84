"""Whether instances fit into the free memory."""

from __future__ import annotations

from collections.abc import Mapping
from math import prod

from extract.runtime.machine.limits import free_memory
from extract.store import StoreError


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
