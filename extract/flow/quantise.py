"""Flow to 8 bits and back, in the variants behind published flow features.

Kinetics' flow was clamped to +-20 pixels per frame and stored in 256 levels (J. Carreira in
deepmind/kinetics-i3d #24 and #107). MediaPipe, which produced it, truncates, so no motion becomes level 127;
denseflow rounds, so it becomes 128.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

CLAMP = 20.0  # pixels per frame


def _level(flow: Tensor, clamp: float) -> Tensor:
    return 255 * (flow.clamp(-clamp, clamp) + clamp) / (2 * clamp)


# Name -> function of flow in pixels and the clamp: uint8 levels, int8 steps of clamp / 127 pixels (no motion
# is 0), or for `none` the clamped flow itself.
QUANTISERS: dict[str, Callable[[Tensor, float], Tensor]] = {
    "mediapipe": lambda flow, clamp: _level(flow, clamp).to(torch.uint8),  # conversion truncates
    "round": lambda flow, clamp: _level(flow, clamp).round().to(torch.uint8),  # halves to even, like cvRound
    "int8": lambda flow, clamp: (127 * flow.clamp(-clamp, clamp) / clamp).round().to(torch.int8),
    "none": lambda flow, clamp: flow.clamp(-clamp, clamp),
}


def quantise(flow: Tensor, quantiser: str, *, clamp: float | None = CLAMP) -> Tensor:
    """Flow in pixels -> 8-bit levels, or with `none` the clamped float flow.

    clamp: in pixels; None = no clamp, which only `none` allows. Raises ValueError for an unknown name and for
    a missing clamp.
    """
    if quantiser not in QUANTISERS:
        raise ValueError(f"unknown quantiser {quantiser!r}; known quantisers: {', '.join(QUANTISERS)}")
    if clamp is None:
        if quantiser != "none":
            raise ValueError(f"quantiser {quantiser} needs a clamp: its levels divide -clamp to +clamp")
        return flow
    return QUANTISERS[quantiser](flow, clamp)


def dequantise(levels: Tensor) -> Tensor:
    """Levels q in 0..255 -> float32 in [-1, 1], the input of I3D's flow network: 2 q / 255 - 1."""
    return 2 * levels.to(torch.float32) / 255 - 1
