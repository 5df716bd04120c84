"""Reductions along the instances of a bag that exclude padding."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor


def top_mean(score: Tensor, mask: Tensor, count: Tensor | int) -> Tensor:
    """Mean of the highest scores of each bag: [B, T], bool [B, T] -> [B].

    count: how many, a number or int64 [B]; a bag with fewer instances takes them all.
    """
    count = torch.as_tensor(count, device=score.device).expand(score.shape[0])
    count = torch.minimum(count, mask.sum(dim=1)).clamp(min=1)
    ranked = score.masked_fill(~mask, float("-inf")).sort(dim=1, descending=True).values
    chosen = torch.arange(score.shape[1], device=score.device) < count[:, None]  # [B, T]
    return ranked.masked_fill(~chosen, 0.0).sum(dim=1) / count


def top_count(mask: Tensor, *, least: int = 1, share: float = 0.0) -> Tensor:
    """k of a top-k over each bag: `share` of its instances, rounded down, at least `least`; int64 [B]."""
    return (mask.sum(dim=1) * share).long().clamp(min=least)


def sixteenth_count(mask: Tensor) -> Tensor:
    """k = T // 16 + 1 for a bag of T instances: int64 [B]."""
    return mask.sum(dim=1) // 16 + 1


def moving_average(rows: Tensor, mask: Tensor, width: int) -> Tensor:
    """Average each instance with its neighbours, without padding: [B, T, D] -> [B, T, D].

    width: instances in the window, odd; the window shrinks at the ends of a bag.
    """
    if width == 1:
        return rows
    valid = mask[:, None, :].to(rows.dtype)  # [B, 1, T]
    total = F.avg_pool1d(rows.movedim(2, 1) * valid, width, stride=1, padding=width // 2)
    share = F.avg_pool1d(valid, width, stride=1, padding=width // 2)
    return (total / share.clamp(min=0.5 / width) * valid).movedim(1, 2)
