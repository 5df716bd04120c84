"""Flow between RGB frames by any method, through one call."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path

import torch
from torch import Tensor

from extract.flow.grey import grey
from extract.flow.raft import build_raft, raft
from extract.flow.tvl1 import tvl1
from extract.flow.tvl1_settings import VARIANTS

Estimator = Callable[[Tensor, Tensor], Tensor]


def make_estimator(
    method: str = "tvl1",
    *,
    variant: str = "opencv",
    device: torch.device | str = "cpu",
    weights: Path | str | None = None,
    threads: int | None = None,
    grey_rule: str = "opencv",
) -> Estimator:
    """A function from first and second frames, RGB uint8 [B, H, W, 3], to flow float32 [B, 2, H, W].

    method: tvl1 or raft. variant: of tvl1, a key of VARIANTS. weights: of raft, a file, or "none" for random
    ones. threads: of tvl1 on the CPU. grey_rule: of tvl1, a key of extract.flow.grey.RULES. Flow is in
    pixels; nothing is resized, clamped or quantised.
    Raises ValueError for unknown names and for raft without weights.
    """
    if method == "tvl1":
        if variant not in VARIANTS:
            raise ValueError(f"unknown TV-L1 variant {variant!r}; known variants: {', '.join(VARIANTS)}")
        settings = VARIANTS[variant]
        levels = partial(grey, rule=grey_rule)
        return lambda first, second: tvl1(
            levels(first.to(device)), levels(second.to(device)), settings=settings, threads=threads
        )
    if method == "raft":
        if weights is None:
            raise ValueError("RAFT needs weights: torchvision's file of raft_large, or none for random ones")
        network = build_raft(weights).to(device)
        return lambda first, second: raft(
            network, first.to(device).permute(0, 3, 1, 2), second.to(device).permute(0, 3, 1, 2)
        )
    raise ValueError(f"unknown flow method {method!r}; known methods: tvl1, raft")
