"""Grad-CAM: which locations in a layer's output contribute to a scalar.

Grad-CAM (Selvaraju et al., ICCV 2017, https://arxiv.org/abs/1610.02391) averages the gradient over all
locations, which assumes that a channel means the same everywhere. Where the worst patch decides, that does
not hold, and the gradient at each location is used instead: HiResCAM (Draelos & Carin,
https://arxiv.org/abs/2011.08891).
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn


def grad_cam(
    layer: nn.Module, target: Callable[[], Tensor], *, averaged: bool = False, channels: int = 1
) -> Tensor:
    """The contribution of a layer's output [N, C, ...] to a scalar: [N, ...], at least 0.

    target: computes the scalar through the layer, with gradients enabled. averaged: Grad-CAM, else HiResCAM.
    channels: their axis.
    """
    kept: list[Tensor] = []

    def keep(_module: nn.Module, _inputs: object, output: Tensor) -> None:
        kept.append(output)

    handle = layer.register_forward_hook(keep)
    try:
        with torch.enable_grad():
            value = target()
            (gradient,) = torch.autograd.grad(value, kept[-1:])
    finally:
        handle.remove()
    activation = kept[-1].detach()
    if averaged:
        places = [axis for axis in range(1, gradient.dim()) if axis != channels]
        gradient = gradient.mean(dim=places, keepdim=True)
    return (gradient * activation).sum(dim=channels).relu()
