"""A convolution along the instances of a bag that ignores padding."""

from __future__ import annotations

from collections.abc import Iterator
from functools import reduce

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.autograd.function import FunctionCtx, once_differentiable

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
            return self._shifted_sum(rows, padding).masked_fill_(padding, 0.0)
        seen = super().forward(rows.masked_fill(padding, 0.0).transpose(1, 2)).transpose(1, 2)
        return seen.masked_fill(padding, 0.0)

    def _shifted_sum(self, rows: Tensor, padding: Tensor) -> Tensor:
        """The same sums in another order."""
        weight = self.weight.permute(2, 0, 1).flatten(0, 1)  # [kernel * hidden, width]
        taps = F.linear(rows, weight)
        if torch.compiler.is_exporting():
            total = _sum_of_padded(taps.masked_fill(padding, 0.0), self.kernel_size[0], self.dilation[0])
        else:
            total = _ShiftedSum.apply(taps, padding, self.kernel_size[0], self.dilation[0])
            assert isinstance(total, Tensor)
        return total if self.bias is None else total + self.bias


class _ShiftedSum(torch.autograd.Function):
    """Of taps [B, T, kernel * hidden] the sum over k of tap k, shifted: [B, T, hidden].

    Tap k of instance t is that of instance t + k * dilation - far, and 0 beyond the ends and where that
    instance is padding: bool [B, T, 1].

    What torch keeps and makes for the same sum of padded copies is three times as large as the taps, in both
    directions. The taps are changed in place: nobody else reads them, and a product keeps its factors only.
    """

    @staticmethod
    def forward(ctx: FunctionCtx, taps: Tensor, padding: Tensor, kernel: int, dilation: int) -> Tensor:
        ctx.save_for_backward(padding)
        ctx.kernel, ctx.dilation = kernel, dilation  # pyright: ignore[reportAttributeAccessIssue]
        taps.masked_fill_(padding, 0.0)
        total = taps.new_zeros(*taps.shape[:2], taps.shape[2] // kernel)
        for seen, source, channels in _shifts(taps.shape, kernel, dilation):
            total[:, seen] += taps[:, source, channels]
        return total

    @staticmethod
    @once_differentiable
    def backward(ctx, gradient: Tensor) -> tuple[Tensor, None, None, None]:
        (padding,) = ctx.saved_tensors
        batch, length, hidden = gradient.shape
        taps = gradient.new_zeros(batch, length, ctx.kernel * hidden)
        for seen, source, channels in _shifts(taps.shape, ctx.kernel, ctx.dilation):
            taps[:, source, channels] = gradient[:, seen]
        return taps.masked_fill_(padding, 0.0), None, None, None


def _shifts(shape: torch.Size, kernel: int, dilation: int) -> Iterator[tuple[slice, slice, slice]]:
    """For each tap: the instances that see one, the instances whose tap they see, and its channels."""
    _, length, width = shape
    hidden, far = width // kernel, dilation * (kernel // 2)
    for tap in range(kernel):
        offset = tap * dilation - far
        first, last = max(0, -offset), min(length, length - offset)
        if first < last:
            yield (
                slice(first, last),
                slice(first + offset, last + offset),
                slice(tap * hidden, (tap + 1) * hidden),
            )


def _sum_of_padded(taps: Tensor, kernel: int, dilation: int) -> Tensor:
    """The same sum in operations that can be exported."""
    far, length = dilation * (kernel // 2), taps.shape[1]
    shifted = [
        F.pad(tap, (0, 0, far, far))[:, start : start + length]
        for tap, start in zip(taps.chunk(kernel, dim=2), range(0, 2 * far + 1, dilation), strict=True)
    ]
    return reduce(torch.add, shifted)
