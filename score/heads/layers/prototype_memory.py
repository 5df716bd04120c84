"""Memory of prototypes that instances are compared with.

Zhou, Yu & Yang, AAAI 2023, https://arxiv.org/abs/2302.05160.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import torch
from torch import Tensor, nn


class Recalled(NamedTuple):
    """activity: [B, T] in (0, 1), how like the memory an instance is; read: [B, T, D], what it gets back."""

    activity: Tensor
    read: Tensor


class Memory(nn.Module):
    """Prototypes [K, D] that are trained with the network; each answers by a sigmoid of its dot product."""

    def __init__(self, size: int, width: int):
        super().__init__()
        self.scale = 1 / math.sqrt(width)
        self.top = size // 16 + 1
        self.prototypes = nn.Parameter(torch.empty(size, width).uniform_(-self.scale, self.scale))

    def forward(self, rows: Tensor) -> Recalled:  # [B, T, D]
        answer = (rows @ self.prototypes.T * self.scale).sigmoid()  # [B, T, K]
        return Recalled(answer.topk(self.top, dim=2).values.mean(dim=2), answer @ self.prototypes)
