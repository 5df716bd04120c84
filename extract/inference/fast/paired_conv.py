"""The first convolution of a video network, over pairs of columns.

Few channels leave a CPU's vectors half empty. With stride 2, two columns side by side are one column of twice
as many channels, and the kernel is half as wide: the same products plus some with zeros, computed in less
time on the same numbers in the same memory order.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch.nn.functional as F
from torch import Tensor, nn

from extract.inference.fast.fused_conv import FusedConv, can_be_fused, uneven_padding

MAX_CHANNELS = 4
# Products per number of the output. With 441 and more (kernels over time) pairs take 1.1 to 1.5 times less
# time on two cores with AVX2; with 147 and fewer (over one frame) copying the input costs more than it gains.
MIN_PRODUCTS = 400


def gains_by_pairs(conv: nn.Conv3d) -> bool:
    """Whether PairedConv computes this layer, and is faster."""
    if not can_be_fused(conv) or conv.groups != 1 or conv.dilation != (1, 1, 1) or conv.stride[-1] != 2:
        return False
    products = conv.in_channels * math.prod(conv.kernel_size)
    return conv.in_channels <= MAX_CHANNELS and products >= MIN_PRODUCTS


class PairedConv(nn.Module):
    """A convolution of stride 2 along the width, then an activation; called like FusedConv."""

    def __init__(self, conv: nn.Conv3d, activation: str = "none"):
        super().__init__()
        self.conv = FusedConv(conv, activation)
        self._paired: dict[int, FusedConv] = {}  # by how many columns of the first pair are left out

    def forward(self, x: Tensor, *, pads: Sequence[tuple[int, int]] | None = None) -> Tensor:
        if not self.conv.fuses(x):
            return self.conv(x, pads=pads)
        *others, (before, after) = [(each, each) for each in self.conv.padding] if pads is None else pads
        skipped = before % 2  # where the first column would be the second of its pair
        paired = self._of_pairs(skipped)
        width, left = x.shape[-1], before + skipped
        columns = (width + before + after - self.conv.kernel_size[-1]) // 2 + 1  # width of the output
        pairs = columns - 1 + paired.kernel_size[-1]
        last = x.contiguous(memory_format=self.conv.layout).movedim(1, -1)  # [N, L, H, W, C], as in memory
        last = F.pad(last, [0, 0, left, 2 * pairs - left - width, *uneven_padding(others)])
        x = last.reshape(*last.shape[:-2], pairs, 2 * last.shape[-1]).movedim(-1, 1)
        return paired(x, pads=[*((first, first) for first, _ in others), (0, 0)])

    def _of_pairs(self, skipped: int) -> FusedConv:
        """The convolution over pairs of columns, the first `skipped` columns of the first pair left out."""
        if skipped not in self._paired:
            weight, bias = self.conv.weight, self.conv.bias
            pairs = -(-(skipped + weight.shape[-1]) // 2)
            weight = F.pad(weight, [skipped, 2 * pairs - skipped - weight.shape[-1]])
            # [out, C, l, h, 2 * pairs] -> [out, 2 C, l, h, pairs]
            weight = weight.unflatten(-1, (pairs, 2)).movedim(-1, 1).flatten(1, 2)
            (length, height, _), (along_time, along_height, _) = weight.shape[2:], self.conv.stride
            conv = nn.Conv3d(
                weight.shape[1],
                len(weight),
                (length, height, pairs),
                (along_time, along_height, 1),
                bias=False,
                device="meta",
            )
            conv.weight, conv.bias = nn.Parameter(weight, requires_grad=False), bias
            self._paired[skipped] = FusedConv(conv, self.conv.activation)
        return self._paired[skipped]
