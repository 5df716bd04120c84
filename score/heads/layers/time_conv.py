"""A convolution along the instances of a bag that ignores padding."""

from __future__ import annotations

from torch import Tensor, nn


class TimeConv(nn.Conv1d):
    """Conv1d that keeps the length; instances beyond either end of a bag are zeros, as is padding."""

    def __init__(self, width: int, hidden: int, kernel: int, *, dilation: int = 1, bias: bool = True):
        if kernel % 2 == 0:
            raise ValueError(f"kernel is {kernel}, expected an odd number of instances")
        padding = dilation * (kernel // 2)
        super().__init__(width, hidden, kernel, padding=padding, dilation=dilation, bias=bias)

    def forward(self, rows: Tensor, mask: Tensor) -> Tensor:  # [B, T, width], bool [B, T] -> [B, T, hidden]
        padding = ~mask[:, :, None]
        seen = super().forward(rows.masked_fill(padding, 0.0).transpose(1, 2)).transpose(1, 2)
        return seen.masked_fill(padding, 0.0)
