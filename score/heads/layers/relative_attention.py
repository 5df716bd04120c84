"""Attention with relative positions (Shaw et al., NAACL 2018, https://arxiv.org/abs/1803.02155)."""

from __future__ import annotations

import torch
from torch import Tensor, nn


class RelativeAttention(nn.Module):
    """Self-attention over n positions: q_i (k_j + r_(j - i))^T / sqrt(width of a head); heads share r.

    max_distance: longer distances count as this one; None leaves r out, and the order of the positions does
    not matter.
    """

    def __init__(self, width: int, heads: int, *, max_distance: int | None):
        super().__init__()
        if width % heads:
            raise ValueError(f"{heads} attention heads do not divide a width of {width}")
        self.heads, self.max_distance = heads, max_distance or 0
        self.inward = nn.Linear(width, 3 * width)
        self.outward = nn.Linear(width, width)
        self.distance = None
        if max_distance is not None:
            self.distance = nn.Parameter(torch.empty(2 * max_distance + 1, width // heads))
            nn.init.normal_(self.distance, std=(width // heads) ** -0.5)

    def forward(self, rows: Tensor) -> Tensor:  # [B, n, width] -> [B, n, width]
        split = self.inward(rows).unflatten(2, (3, self.heads, -1)).permute(2, 0, 3, 1, 4)
        query, key, value = split[0], split[1], split[2]  # each [B, heads, n, width / heads]
        logit = query @ key.transpose(2, 3)  # [B, heads, n, n]
        if self.distance is not None:
            place = torch.arange(rows.shape[1], device=rows.device)
            apart = (place[None, :] - place[:, None]).clamp(-self.max_distance, self.max_distance)
            logit = logit + torch.einsum("bhid,ijd->bhij", query, self.distance[apart + self.max_distance])
        weight = (logit / query.shape[3] ** 0.5).softmax(dim=3)
        return self.outward((weight @ value).transpose(1, 2).flatten(2))


class EncoderLayer(nn.Module):
    """Post-norm layer: attention and a two-layer network, each added to its input."""

    def __init__(self, width: int, heads: int, *, hidden: int, dropout: float, max_distance: int | None):
        super().__init__()
        self.attention = RelativeAttention(width, heads, max_distance=max_distance)
        self.network = nn.Sequential(
            nn.Linear(width, hidden), nn.ReLU(), nn.Dropout(dropout), nn.Linear(hidden, width)
        )
        self.norms = nn.ModuleList([nn.LayerNorm(width), nn.LayerNorm(width)])
        self.dropout = nn.Dropout(dropout)

    def forward(self, rows: Tensor) -> Tensor:  # [B, n, width] -> [B, n, width]
        rows = self.norms[0](rows + self.dropout(self.attention(rows)))
        return self.norms[1](rows + self.dropout(self.network(rows)))
