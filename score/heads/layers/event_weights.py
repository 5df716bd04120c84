"""Features of a video summed by its own scores: one vector of the event, one of what surrounds it."""

from __future__ import annotations

import torch
from torch import Tensor

SHARPNESS = 10.0  # PEL4VAD and DSANet: weights are exp(10 s) - 1


def event_weights(score: Tensor, mask: Tensor) -> Tensor:
    """exp(10 s) - 1 of scores in [0, 1], scaled to a sum of 1 over each bag: [B, T], bool [B, T] -> [B, T].

    Of 1 - s they are the weights of the background. Where all are 0, instances count equally.
    """
    weight = torch.expm1(SHARPNESS * score) * mask
    total = weight.sum(dim=1, keepdim=True)
    even = mask.to(weight.dtype) / mask.sum(dim=1, keepdim=True).clamp(min=1)
    tiny = torch.finfo(weight.dtype).tiny
    return torch.where(total > tiny, weight / total.clamp(min=tiny), even)
