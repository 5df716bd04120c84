"""Attention of PEL4VAD: over all instances and over near ones by the same products, mixed by one weight."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

BLOCK = 1024  # instances of a long bag that ask at a time


class ContextAttention(nn.Module):
    """Global and local attention of one head, with a learnt preference for instances that are near.

    Products of query and key get exp(-|w (i - j)^2 - b|) added. near: instances in the local window, odd.
    w, b: where these start. power_norm: signed square roots, then length 1 along time for each channel.
    """

    def __init__(self, width: int, hidden: int, *, near: int, w: float, b: float, power_norm: bool):
        super().__init__()
        self.near, self.power_norm = near // 2, power_norm
        self.query, self.key, self.value = (nn.Linear(width, hidden) for _ in range(3))
        self.outward, self.norm = nn.Linear(hidden, width), nn.LayerNorm(width)
        self.w, self.b = nn.Parameter(torch.tensor(w)), nn.Parameter(torch.tensor(b))
        self.mix = nn.Parameter(torch.zeros(()))

    def forward(self, rows: Tensor, mask: Tensor) -> Tensor:  # [B, T, D], bool [B, T] -> [B, T, D]
        query, key, value = self.query(rows), self.key(rows), self.value(rows)
        length = rows.shape[1]
        if torch.compiler.is_exporting() or self.training or length <= BLOCK:
            mixed = self._attend(query, key, value, mask, first=0)
        else:
            # Memory grows with the length, not with its square.
            parts = query.split(BLOCK, dim=1)
            mixed = torch.cat(
                [self._attend(part, key, value, mask, first=n * BLOCK) for n, part in enumerate(parts)], dim=1
            )
        mixed = mixed.masked_fill(~mask[:, :, None], 0.0)
        if self.power_norm:
            mixed = signed_root(mixed)
            mixed = F.normalize(mixed, dim=1)
        return self.norm(rows + self.outward(mixed))

    def _attend(self, query: Tensor, key: Tensor, value: Tensor, mask: Tensor, *, first: int) -> Tensor:
        """What the instances from `first` on see: [B, n, hidden]."""
        other = torch.arange(key.shape[1], device=key.device)
        own = torch.arange(query.shape[1], device=key.device) + first
        apart = (own[:, None] - other).to(query.dtype)  # [n, T]
        preference = torch.exp(-(self.w * apart.square() - self.b).abs())
        logit = query @ key.transpose(1, 2) / query.shape[2] ** 0.5 + preference
        # Not minus infinity: what nobody sees must not become NaN.
        least = torch.finfo(logit.dtype).min
        logit = logit.masked_fill(~mask[:, None, :], least)
        near = logit.masked_fill(apart.abs() > self.near, least)
        share = self.mix.sigmoid()
        return (share * logit.softmax(dim=2) + (1 - share) * near.softmax(dim=2)) @ value


def signed_root(rows: Tensor) -> Tensor:
    """sign(x) sqrt(|x|), whose gradient is finite at 0."""
    tiny = torch.finfo(rows.dtype).tiny
    return rows.sign() * rows.abs().clamp(min=tiny).sqrt()
