"""Encoder of UR-DMU: attention over all instances beside a fixed average of near ones.

Zhou, Yu & Yang, AAAI 2023, https://arxiv.org/abs/2302.05160.
"""

from __future__ import annotations

import math
from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn

Parts = Literal["both", "global", "local"]


class GlobalLocalAttention(nn.Module):
    """Multi-head attention whose heads see all instances, their neighbours by distance in time, or both."""

    def __init__(
        self, width: int, *, heads: int, head_width: int, dropout: float = 0.0, parts: Parts = "both"
    ):
        super().__init__()
        inner = heads * head_width
        self.heads = heads
        self.attended = nn.Linear(width, 3 * inner, bias=False) if parts != "local" else None
        self.near = nn.Linear(width, inner, bias=False) if parts != "global" else None
        self.out = nn.Linear(inner * (2 if parts == "both" else 1), width)
        self.dropout = nn.Dropout(dropout)

    def forward(self, rows: Tensor, mask: Tensor) -> Tensor:  # [B, T, width], bool [B, T] -> [B, T, width]
        found = []
        if self.attended is not None:
            split = self.attended(rows).unflatten(2, (3, self.heads, -1)).permute(2, 0, 3, 1, 4)
            query, key, value = split  # each [B, heads, T, head_width]
            mixed = F.scaled_dot_product_attention(query, key, value, attn_mask=mask[:, None, None, :])
            found.append(mixed.transpose(1, 2).flatten(2))
        if self.near is not None:
            found.append(mean_of_near(self.near(rows), mask))
        return self.dropout(self.out(torch.cat(found, dim=2)))


class GlobalLocalEncoder(nn.Module):
    """Layers of attention and a feed-forward network, each behind a layer norm and added to its input."""

    def __init__(
        self,
        width: int,
        *,
        depth: int,
        heads: int,
        head_width: int,
        hidden: int,
        dropout: float = 0.0,
        parts: Parts = "both",
    ):
        super().__init__()
        self.norms = nn.ModuleList(nn.LayerNorm(width) for _ in range(depth))
        self.attentions = nn.ModuleList(
            GlobalLocalAttention(width, heads=heads, head_width=head_width, dropout=dropout, parts=parts)
            for _ in range(depth)
        )
        self.networks = nn.ModuleList(feed_forward(width, hidden, dropout) for _ in range(depth))

    def forward(self, rows: Tensor, mask: Tensor) -> Tensor:  # [B, T, width], bool [B, T] -> [B, T, width]
        for norm, attention, network in zip(self.norms, self.attentions, self.networks, strict=True):
            rows = rows + attention(norm(rows), mask)
            rows = rows + network(rows)
        return rows


def feed_forward(width: int, hidden: int, dropout: float = 0.0) -> nn.Sequential:
    """Layer norm, two linear layers with GELU between them, dropout behind each."""
    return nn.Sequential(
        nn.LayerNorm(width),
        nn.Linear(width, hidden),
        nn.GELU(),
        nn.Dropout(dropout),
        nn.Linear(hidden, width),
        nn.Dropout(dropout),
    )


def mean_of_near(rows: Tensor, mask: Tensor) -> Tensor:
    """Average over a bag's instances, weighted by exp(-|i - j| / e): [B, T, D], bool [B, T] -> [B, T, D]."""
    place = torch.arange(rows.shape[1], device=rows.device, dtype=rows.dtype)
    weight = torch.exp(-(place[:, None] - place).abs() / math.e)  # [T, T]
    own = mask[:, :, None].to(rows.dtype)
    return weight @ (rows * own) / (weight @ own).clamp(min=torch.finfo(rows.dtype).tiny)
