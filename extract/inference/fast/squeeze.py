"""EfficientNet's gates with less work, and with the same bits for a frame anywhere in a batch."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

if TYPE_CHECKING:
    from torchvision.ops import SqueezeExcitation

WIDTH = 64  # four of the widest vectors of today's CPUs


class RowwiseSqueeze(nn.Module):
    """A squeeze-and-excitation gate whose rounding does not depend on a frame's place in the batch.

    Its tensors are small and of odd sizes: a matrix product over the batch, or an activation at the end of
    the memory, runs other code for the last rows than for the first (seen in the 7th digit, EfficientNet-B0
    on CPUs). So products are summed row by row, and rows have a width that vectors divide.
    """

    def __init__(self, gate: SqueezeExcitation):
        super().__init__()
        self.pool, self.activation = gate.avgpool, gate.activation
        self.scale_activation = gate.scale_activation
        self.first, self.second = _widened(gate.fc1), _widened(gate.fc2)
        columns = _padded(self.second.weight, self.first.out_features, dim=1)
        self.second.weight = nn.Parameter(columns, requires_grad=False)

    def forward(self, x: Tensor) -> Tensor:
        means = self.pool(x).flatten(1).float()  # [N, C]
        hidden = self.activation(_row_by_row(means, self.first))
        scale = self.scale_activation(_row_by_row(hidden, self.second))[:, : x.shape[1]]
        # in place: nothing else uses x
        return x.mul_(scale[:, :, None, None].to(x.dtype))


def _row_by_row(rows: Tensor, layer: nn.Linear) -> Tensor:
    return (rows[:, None] * layer.weight.float()).sum(dim=2) + layer.bias.float()


def _widened(conv: nn.Conv2d) -> nn.Linear:
    """A 1x1 convolution as a linear layer whose outputs are filled up with zeros to a multiple of WIDTH."""
    assert conv.bias is not None
    width = -(-conv.out_channels // WIDTH) * WIDTH
    layer = nn.Linear(conv.in_channels, width)
    layer.weight = nn.Parameter(_padded(conv.weight.flatten(1), width, dim=0), requires_grad=False)
    layer.bias = nn.Parameter(_padded(conv.bias, width, dim=0), requires_grad=False)
    return layer


def _padded(x: Tensor, size: int, *, dim: int) -> Tensor:
    missing = list(x.shape)
    missing[dim] = size - x.shape[dim]
    return torch.cat([x.detach(), x.new_zeros(missing)], dim=dim)
