"""A linear layer with a row per event class, to which classes can be added."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class ClassLinear(nn.Linear):
    """Logits of K classes: [N, D] -> [N, K]. scored: rows that were trained first.

    Rows that were added later are multiplied apart, because a product with more rows rounds differently.
    """

    def __init__(self, dim: int, classes: int, *, scored: int):
        super().__init__(dim, classes)
        self.scored = scored

    def forward(self, input: Tensor) -> Tensor:
        if self.scored == self.out_features:
            return super().forward(input)
        parts = (
            (self.weight[rows], self.bias[rows]) for rows in (slice(self.scored), slice(self.scored, None))
        )
        return torch.cat([F.linear(input, weight, bias) for weight, bias in parts], dim=-1)
