"""Convolutions of 3x3x3 with half the products: Winograd's F(4, 3) along the height.

Four rows of the output are sums of six products of rows and kernels, each first summed from six rows of the
input and three of the kernel, where the direct way takes twelve (Lavin & Gray, CVPR 2016,
https://arxiv.org/abs/1509.09308; points 0, 1, -1, 2, -2 and infinity). Along one axis only: what is left are
convolutions of 3x1x3 over a quarter of the rows, which oneDNN computes at its full rate, and the sums stay
cheap in comparison. Rounding is one to two millionths of the outputs' root mean square, up to three times
that of the direct way; a small output next to a large one shares its rounding.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from extract.inference.fast.fused_conv import FusedConv, can_be_fused

# For each product: how much of each of the kernel's three rows goes into it.
KERNELS = (
    (1 / 4, 0, 0),
    (-1 / 6, -1 / 6, -1 / 6),
    (-1 / 6, 1 / 6, -1 / 6),
    (1 / 24, 1 / 12, 1 / 6),
    (1 / 24, -1 / 12, 1 / 6),
    (0, 0, 1),
)
# Measured on two cores with AVX2: 1.5 to 1.65 times faster at 28 rows and more, 1.03 to 1.4 at 14; with fewer
# rows or channels the sums cost more than the products that they save.
MIN_ROWS, MIN_CHANNEL_PAIRS = 14, 12_000


def gains_by_winograd(conv: nn.Conv3d, activation: str) -> bool:
    """Whether WinogradConv computes this layer, and is faster on frames of MIN_ROWS rows or more."""
    if not can_be_fused(conv) or activation != "relu" or conv.groups != 1:
        return False
    fits = conv.kernel_size == (3, 3, 3) and conv.stride == conv.dilation == (1, 1, 1)
    return fits and conv.in_channels * conv.out_channels >= MIN_CHANNEL_PAIRS


class WinogradConv(nn.Module):
    """A convolution of 3x3x3, stride 1 and zeros around, then ReLU, in fp32 on a CPU; called like FusedConv.

    Without gradients, like all prepared networks. Kernels are kept in memory for one shape of clips.
    """

    def __init__(self, conv: nn.Conv3d):
        super().__init__()
        self.conv = FusedConv(conv, "relu")
        self._products: tuple = (None, [])  # a shape of clips, and the six convolutions for it

    def settle(self) -> None:
        """As FusedConv.settle; to be called before that of the convolution inside."""
        if self._products[1] and self.conv.weight is not None:
            self.conv.let_go()

    def applies(self, x: Tensor, *, pads: Sequence[tuple[int, int]] | None = None) -> bool:
        """Whether these inputs are computed with half the products; others as FusedConv does."""
        given = [(each, each) for each in self.conv.padding] if pads is None else list(pads)
        if given != [(1, 1)] * 3 or x.shape[3] < MIN_ROWS:
            return False
        return x.dtype == torch.float32 and self.conv.fuses(x)

    def forward(self, x: Tensor, *, pads: Sequence[tuple[int, int]] | None = None) -> Tensor:
        if not self.applies(x, pads=pads):
            return self.conv(x, pads=pads)
        last = x.contiguous(memory_format=self.conv.layout).movedim(1, -1)  # [N, L, H, W, C], as in memory
        n, length, rows, width, _ = last.shape
        tiles = -(-rows // 4)
        y = last.new_empty(n, length, 4 * tiles, width, self.conv.out_channels)
        # one clip at a time, which holds less memory
        for clip, out in zip(last.split(1), y.split(1), strict=True):
            clip = F.pad(clip, [0, 0, 0, 0, 1, 4 * tiles + 1 - rows])
            self._convolve([clip[:, :, row : row + 4 * tiles - 3 : 4] for row in range(6)], out)
        return y[:, :, :rows].movedim(-1, 1)

    def _convolve(self, rows: list[Tensor], out: Tensor) -> None:
        """The output [1, L, 4 * tiles, W, out] from rows 0 to 5 of each tile, each [1, L, tiles, W, in]."""
        first, *middle, last = _sums(rows)
        one, two, three, four = (self._product(number, each) for number, each in enumerate(middle, start=1))
        outer, inner = one + two, one - two
        twice, skew = torch.add(three, four, out=one), torch.sub(three, four, out=two)
        torch.add(inner, skew, alpha=2, out=out[:, :, 1::4]).relu_()
        torch.add(outer, twice, alpha=4, out=out[:, :, 2::4]).relu_()
        out[:, :, 0::4] = self._product(0, first, plus=outer.add_(twice))
        out[:, :, 3::4] = self._product(5, last, plus=inner.add_(skew, alpha=8))

    def _product(self, number: int, x: Tensor, *, plus: Tensor | None = None) -> Tensor:
        """One of the six convolutions of x [1, L, tiles, W, in]; with plus, the ReLU of their sum."""
        x = x.movedim(-1, 1)
        shape, convolutions = self._products
        if shape != x.shape:
            if self.conv.weight is None:
                raise ValueError(
                    f"clips of shape {list(x.shape)} for a convolution that has settled for others"
                )
            convolutions = [self._convolution(each).only_for(x) for each in range(6)]
            self._products = x.shape, convolutions
        conv = convolutions[number]
        return (conv(x) if plus is None else conv.add_relu(x, plus.movedim(-1, 1))).movedim(1, -1)

    def _convolution(self, number: int) -> FusedConv:
        weight, bias = self.conv.weight, self.conv.bias  # [out, in, 3, 3, 3]
        shares = torch.tensor(KERNELS[number], dtype=torch.float64)
        weight = torch.einsum("oitrw,r->oitw", weight.double(), shares).to(weight.dtype)[:, :, :, None]
        conv = nn.Conv3d(
            weight.shape[1], len(weight), (3, 1, 3), padding=(1, 0, 1), bias=False, device="meta"
        )
        conv.weight = nn.Parameter(weight.contiguous(memory_format=self.conv.layout), requires_grad=False)
        if number == 1:  # each row of the output has this product once
            conv.bias = bias
        return FusedConv(conv)


def _sums(rows: list[Tensor]) -> list[Tensor]:
    """The inputs of the six products, from rows 0 to 5 of each tile."""
    zero, one, two, three, four, five = rows
    even, odd = torch.sub(four, two, alpha=4), torch.sub(three, one, alpha=4)
    near = [even + odd, even - odd]
    torch.sub(four, two, out=even)
    torch.sub(three, one, out=odd)
    far = [torch.add(even, odd, alpha=2), torch.sub(even, odd, alpha=2)]
    first, last = zero - two, five - three
    return [torch.add(even, first, alpha=4), *near, *far, torch.sub(last, odd, alpha=4)]
