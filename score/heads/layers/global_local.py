"""Encoder of UR-DMU: attention over all instances, next to a fixed average over neighbours.

Zhou, Yu & Yang, AAAI 2023, https://arxiv.org/abs/2302.05160.
"""

from __future__ import annotations

import math
from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from score.settings import Count, DropoutRate, settings


@settings
class EncoderConfig:
    """The encoder of a head that has one."""

    # Channels, layers, attention heads, channels per head, and hidden channels of the feed-forward networks.
    width: Count = 512
    depth: Count = 2
    heads: Count = 4
    head_width: Count = 128
    hidden: Count = 512
    # What attention covers; "none" leaves the encoder out.
    attention: Literal["both", "global", "local", "none"] = "both"
    dropout: DropoutRate = 0.0


class GlobalLocalAttention(nn.Module):
    """Multi-head attention over all instances, a fixed average over neighbours in time, or both.

    parts: "global", "local" or "both".
    """

    def __init__(self, width: int, *, heads: int, head_width: int, dropout: float = 0.0, parts: str = "both"):
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
    """Pre-norm layers of attention and a feed-forward network, each added to its input."""

    def __init__(self, config: EncoderConfig):
        super().__init__()
        depth, width = range(config.depth), config.width
        self.norms = nn.ModuleList(nn.LayerNorm(width) for _ in depth)
        self.attentions = nn.ModuleList(
            GlobalLocalAttention(
                width,
                heads=config.heads,
                head_width=config.head_width,
                dropout=config.dropout,
                parts=config.attention,
            )
            for _ in depth
        )
        self.networks = nn.ModuleList(feed_forward(width, config.hidden, config.dropout) for _ in depth)

    def forward(self, rows: Tensor, mask: Tensor) -> Tensor:  # [B, T, width], bool [B, T] -> [B, T, width]
        for norm, attention, network in zip(self.norms, self.attentions, self.networks, strict=True):
            rows = rows + attention(norm(rows), mask)
            rows = rows + network(rows)
        return rows


def feed_forward(width: int, hidden: int, dropout: float = 0.0) -> nn.Sequential:
    """Layer norm, then two linear layers with GELU between them and dropout after each."""
    return nn.Sequential(
        nn.LayerNorm(width),
        nn.Linear(width, hidden),
        nn.GELU(),
        nn.Dropout(dropout),
        nn.Linear(hidden, width),
        nn.Dropout(dropout),
    )


def mean_of_near(rows: Tensor, mask: Tensor) -> Tensor:
    """Average over a bag's instances with weights exp(-|i - j| / e): [B, T, D], bool [B, T] -> [B, T, D]."""
    place = torch.arange(rows.shape[1], device=rows.device, dtype=rows.dtype)
    weight = torch.exp(-(place[:, None] - place).abs() / math.e)  # [T, T]
    own = mask[:, :, None].to(rows.dtype)
    return weight @ (rows * own) / (weight @ own).clamp(min=torch.finfo(rows.dtype).tiny)
