"""A convolution along the instances of a bag that ignores padding."""

from __future__ import annotations

from functools import reduce

import torch
import torch.nn.functional as F
from torch import Tensor, nn

# Features from which one product per bag, whose parts are shifted and added, is twice as fast on a CPU as
# PyTorch's convolution, which first copies the rows with time as the last axis.
WIDE = 512


class TimeConv(nn.Conv1d):
    """Conv1d that keeps the length; instances beyond either end of a bag are zeros, as is padding."""

    def __init__(self, width: int, hidden: int, kernel: int, *, dilation: int = 1, bias: bool = True):
        if kernel % 2 == 0:
            raise ValueError(f"kernel is {kernel}, expected an odd number of instances")
        padding = dilation * (kernel // 2)
        super().__init__(width, hidden, kernel, padding=padding, dilation=dilation, bias=bias)

    def forward(self, rows: Tensor, mask: Tensor) -> Tensor:  # [B, T, width], bool [B, T] -> [B, T, hidden]
        padding = ~mask[:, :, None]
        if self.in_channels >= max(WIDE, self.out_channels):
            return self._shifted_sum(rows, padding).masked_fill(padding, 0.0)
        seen = super().forward(rows.masked_fill(padding, 0.0).transpose(1, 2)).transpose(1, 2)
        return seen.masked_fill(padding, 0.0)

    def _shifted_sum(self, rows: Tensor, padding: Tensor) -> Tensor:
        """The same sums in another order."""
        weight = self.weight.permute(2, 0, 1).flatten(0, 1)  # [kernel * hidden, width]
        taps = F.linear(rows, weight).masked_fill(padding, 0.0).split(self.out_channels, dim=2)
        far, length = self.dilation[0] * (len(taps) // 2), rows.shape[1]
        # Tap k of instance t is that of instance t + k * dilation - far, and 0 beyond the ends.
        starts = range(0, 2 * far + 1, self.dilation[0])
        shifted = [
            F.pad(tap, (0, 0, far, far))[:, start : start + length]
            for tap, start in zip(taps, starts, strict=True)
        ]
        total = reduce(torch.add, shifted)
        return total if self.bias is None else total + self.bias
