"""TensorFlow's SAME padding, which depends on the size of the input, for convolutions over any axes."""

from __future__ import annotations

from collections.abc import Callable

import torch.nn.functional as F
from torch import Tensor, nn


def same_padding(size: int, kernel: int, stride: int) -> tuple[int, int]:
    """Zeros before and after an axis; an odd number has one more after."""
    total = max((-(-size // stride) - 1) * stride + kernel - size, 0)
    return total // 2, total - total // 2


def conv_same(x: Tensor, conv: nn.Conv2d | nn.Conv3d) -> Tensor:
    """Convolution with SAME padding; symmetric padding is left to the kernel, which saves a copy of x."""
    pads = [same_padding(*axis) for axis in zip(x.shape[2:], conv.kernel_size, conv.stride, strict=True)]
    if any(before != after for before, after in pads):
        x = F.pad(x, [side for pair in reversed(pads) for side in pair])
        pads = [(0, 0)] * len(pads)
    convolve: Callable[..., Tensor] = F.conv2d if isinstance(conv, nn.Conv2d) else F.conv3d
    padding = [before for before, _ in pads]
    return convolve(x, conv.weight, conv.bias, conv.stride, padding, conv.dilation, conv.groups)
