"""Flow to 8 bits and back, in the variants that published flow features were made with.

Kinetics' flow was cut to +-20 pixels a frame and stored in 256 levels (J. Carreira in deepmind/kinetics-i3d
#24 and #107).
MediaPipe, which made it, truncates, so no motion becomes level 127; denseflow rounds, so it becomes 128.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

CLAMP = 20.0  # pixels a frame


def _level(flow: Tensor, clamp: float) -> Tensor:
    return 255 * (flow.clamp(-clamp, clamp) + clamp) / (2 * clamp)


# Name -> function of flow in pixels and the clamp: uint8 levels, int8 steps of clamp / 127 pixels (no motion is 0), or
# for `none` the clamped flow itself.
QUANTISERS: dict[str, Callable[[Tensor, float], Tensor]] = {
    "mediapipe": lambda flow, clamp: _level(flow, clamp).to(torch.uint8),  # to uint8 truncates
    "round": lambda flow, clamp: _level(flow, clamp).round().to(torch.uint8),  # halves to even, as cvRound
    "int8": lambda flow, clamp: (127 * flow.clamp(-clamp, clamp) / clamp).round().to(torch.int8),
    "none": lambda flow, clamp: flow.clamp(-clamp, clamp),
}


def quantise(flow: Tensor, quantiser: str, *, clamp: float | None = CLAMP) -> Tensor:
    """Flow in pixels -> uint8 levels (zero flow: 127 or 128), or with `none` the clamped float flow.

    clamp None leaves flow as it is, which only `none` can do. Raises ValueError for an unknown name.
    """
    if quantiser not in QUANTISERS:
        raise ValueError(f"unknown quantiser {quantiser!r}; known quantisers: {', '.join(QUANTISERS)}")
    if clamp is None:
        if quantiser != "none":
            raise ValueError(f"quantiser {quantiser} needs a clamp: its levels divide -clamp to +clamp")
        return flow
    return QUANTISERS[quantiser](flow, clamp)


def dequantise(levels: Tensor) -> Tensor:
    """Levels 0..255 -> float32 in [-1, 1], what I3D's flow network was fed with: 2 q / 255 - 1."""
    return 2 * levels.to(torch.float32) / 255 - 1
