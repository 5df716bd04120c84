"""Top-k selection as weights: the instances of a bag with the largest values, weighted equally."""

from __future__ import annotations

import torch
from torch import Tensor

HIDDEN_SCALE = 1e-6  # multiplies a hidden value, so that it ranks behind all others


def top_weights(value: Tensor, mask: Tensor, count: Tensor | int, *, hidden_share: float = 0.0) -> Tensor:
    """1/k at the k instances of the largest value and 0 elsewhere: float [B, T], bool [B, T] -> [B, T].

    value: not negative; it gets no gradient. count: k, a number or int64 [B]; a bag with fewer instances
    takes them all. hidden_share: of the instances, drawn at each call, which rank behind all others.
    """
    value = value.detach()
    if hidden_share:
        hidden = torch.rand_like(value) < hidden_share
        value = torch.where(hidden, value * HIDDEN_SCALE, value)
    count = torch.as_tensor(count, device=value.device).expand(value.shape[0])
    count = torch.minimum(count, mask.sum(dim=1)).clamp(min=1)[:, None]
    order = value.masked_fill(~mask, -1.0).sort(dim=1, descending=True, stable=True).indices
    chosen = torch.arange(value.shape[1], device=value.device) < count
    weight = (chosen / count).to(value.dtype)
    return torch.zeros_like(value).scatter(1, order, weight)


def weighted_mean(rows: Tensor, weight: Tensor) -> Tensor:
    """Average along the instances: [B, T, D], weights [B, T] that sum to 1 -> [B, D]."""
    return (weight[:, None, :] @ rows).squeeze(1)
