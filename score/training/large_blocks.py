"""Whether a training keeps freed memory for its next tensors."""

from __future__ import annotations

from extract.runtime.allocator import keep_large_blocks
from score.bags.bags import BagSpec
from score.config.run_config import RunConfig
from score.runs.checkpoint import build_head
from score.runs.without_values import without_values

LIGHT_HEAD = (
    4_000_000  # parameters; presets have at most 1.1 million or at least 5.8 million with wide features
)


def keep_blocks_of_light_head(config: RunConfig, bag_spec: BagSpec) -> None:
    """Keep large freed blocks where a step waits for new memory half of its time, which light heads do.

    A heavy head computes for nine tenths of its step, and the C library's blocks, which it then cannot return
    and often not use again either, make half as much memory again. Heads on pixels keep theirs.
    """
    if bag_spec.array_shapes or parameter_count(config, bag_spec) < LIGHT_HEAD:
        keep_large_blocks()


def parameter_count(config: RunConfig, bag_spec: BagSpec) -> int:
    with without_values():
        return sum(each.numel() for each in build_head(config, bag_spec).parameters())
