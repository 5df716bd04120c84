"""The loss of event classification, for classes of very different sizes."""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor


def focal_loss(logit: Tensor, event_class: Tensor, *, class_weight: Tensor, gamma: float) -> Tensor:
    """Mean of -w_c (1 - p_c)^gamma log p_c (Lin et al., ICCV 2017): [B, K], int64 [B] -> scalar."""
    log_share = F.log_softmax(logit, dim=1).gather(1, event_class[:, None]).squeeze(1)
    return (-class_weight[event_class] * (1 - log_share.exp()) ** gamma * log_share).mean()


def class_weights(counts: Sequence[int]) -> Tensor:
    """1 / n_c, scaled to a mean of 1 over the classes that have videos; 0 for a class without: float [K]."""
    videos = torch.tensor(counts, dtype=torch.float32)
    rarity = torch.where(videos > 0, 1 / videos.clamp(min=1), 0.0)
    return rarity * (videos > 0).sum() / rarity.sum().clamp(min=1e-12)
