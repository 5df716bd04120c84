"""A memory of prototypes that instances are compared with.

Zhou, Yu & Yang, AAAI 2023, https://arxiv.org/abs/2302.05160.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import torch
from torch import Tensor, nn


class Recalled(NamedTuple):
    """activity: [B, T] in (0, 1), similarity to the memory. read: [B, T, D], the recalled feature."""

    activity: Tensor
    read: Tensor


class Memory(nn.Module):
    """Learned prototypes [K, D]; each responds with the sigmoid of its scaled dot product."""

    def __init__(self, size: int, width: int):
        super().__init__()
        self.scale = 1 / math.sqrt(width)
        self.top = size // 16 + 1
        self.prototypes = nn.Parameter(torch.empty(size, width).uniform_(-self.scale, self.scale))

    def forward(self, rows: Tensor) -> Recalled:  # [B, T, D]
        answer = (rows @ self.prototypes.T * self.scale).sigmoid()  # [B, T, K]
        return Recalled(answer.topk(self.top, dim=2).values.mean(dim=2), answer @ self.prototypes)
