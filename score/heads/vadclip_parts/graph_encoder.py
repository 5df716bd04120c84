"""The encoder of VadCLIP: attention in blocks, then a graph of similarity and one of distance."""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from score.heads.vadclip_parts.vadclip_config import EncoderSettings


class QuickGELU(nn.Module):
    """z sigmoid(1.702 z), as in CLIP."""

    def forward(self, rows: Tensor) -> Tensor:
        return rows * torch.sigmoid(1.702 * rows)


def network(width: int, expansion: int, dropout: float = 0.0) -> nn.Sequential:
    """Two linear layers with QuickGELU between them."""
    hidden = expansion * width
    return nn.Sequential(nn.Linear(width, hidden), QuickGELU(), nn.Dropout(dropout), nn.Linear(hidden, width))


class BlockAttention(nn.Module):
    """Attention of one head inside blocks of instances that do not overlap."""

    def __init__(self, width: int, block: int):
        super().__init__()
        self.block = block
        self.inward, self.outward = nn.Linear(width, 3 * width), nn.Linear(width, width)
        nn.init.xavier_uniform_(self.inward.weight)
        nn.init.zeros_(self.inward.bias)
        nn.init.zeros_(self.outward.bias)

    def forward(self, rows: Tensor, seen: Tensor) -> Tensor:  # [B, T, D], bool [B, T] -> [B, T, D]
        # With an axis for its one head, as the export to ONNX expects it.
        query, key, value = self.inward(rows).reshape(-1, 1, self.block, 3, rows.shape[2]).unbind(dim=3)
        seen = seen.reshape(-1, self.block)
        # What nobody sees may see everything, because a row without anything to see would be NaN.
        allowed = (seen[:, None, :] | ~seen[:, :, None])[:, None]
        mixed = F.scaled_dot_product_attention(query, key, value, attn_mask=allowed)
        return self.outward(mixed.reshape(rows.shape))


class GraphLayer(nn.Module):
    """QuickGELU(A x W + R(x)); R is a convolution over 5 instances where widths differ, else x itself."""

    def __init__(self, width: int, hidden: int):
        super().__init__()
        self.weight = nn.Parameter(torch.empty(width, hidden))
        nn.init.xavier_uniform_(self.weight)
        self.beside = nn.Conv1d(width, hidden, 5, padding=2) if width != hidden else None
        self.activation = QuickGELU()

    def forward(self, rows: Tensor, graph: Tensor, seen: Tensor) -> Tensor:  # graph: [B, T, T]
        own = rows
        if self.beside is not None:
            known = rows.masked_fill(~seen[:, :, None], 0.0)
            own = self.beside(known.transpose(1, 2)).transpose(1, 2)
        return self.activation(graph @ (rows @ self.weight) + own)


class GraphEncoder(nn.Module):
    """Windows of features to windows of features of the same width."""

    def __init__(self, config: EncoderSettings):
        super().__init__()
        width, layers = config.width, range(config.layers)
        self.similar, self.sees_padding = config.similar, config.padding == "seen"
        self.position = nn.Parameter(torch.randn(config.window, width) * 0.01)
        self.norms = nn.ModuleList(nn.LayerNorm(width) for _ in range(2 * config.layers))
        self.attentions = nn.ModuleList(BlockAttention(width, config.attention_window) for _ in layers)
        self.networks = nn.ModuleList(network(width, config.expansion, config.dropout) for _ in layers)
        self.graphs = nn.ModuleDict(
            {
                name: nn.ModuleList([GraphLayer(width, width // 2), GraphLayer(width // 2, width // 2)])
                for name in ("similarity", "distance")
            }
        )
        self.join = nn.Linear(2 * (width // 2), width)
        self.dropout = nn.Dropout(config.dropout)

    def seen(self, mask: Tensor) -> Tensor:
        """Which instances of windows take part: all of them where padding is seen."""
        return torch.ones_like(mask) if self.sees_padding else mask

    def forward(self, rows: Tensor, mask: Tensor) -> Tensor:  # [B, T, D], bool [B, T] -> [B, T, D]
        seen = self.seen(mask)
        rows = rows + self.position[: rows.shape[1]]
        for number, (attention, layer) in enumerate(zip(self.attentions, self.networks, strict=True)):
            rows = rows + self.dropout(attention(self.norms[2 * number](rows), seen))
            rows = rows + self.dropout(layer(self.norms[2 * number + 1](rows)))
        found = []
        graphs = (similarity_graph(rows, mask, above=self.similar), distance_graph(rows, seen))
        for layers, graph in zip(self.graphs.values(), graphs, strict=True):
            assert isinstance(layers, nn.ModuleList)
            own = rows
            for layer in layers:
                own = layer(own, graph, seen)
            found.append(own)
        return self.join(torch.cat(found, dim=2))


def similarity_graph(rows: Tensor, mask: Tensor, *, above: float) -> Tensor:
    """Softmax along each row of the cosines, those up to `above` set to 0: [B, T, D] -> [B, T, T].

    0 from and to padding.
    """
    unit = F.normalize(rows, dim=2)
    cosine = unit @ unit.transpose(1, 2)
    near = torch.where(cosine > above, cosine, torch.zeros_like(cosine))
    # Not minus infinity: a window of nothing but padding must not become NaN.
    weight = near.masked_fill(~mask[:, None, :], torch.finfo(near.dtype).min).softmax(dim=2)
    return weight * (mask[:, None, :] & mask[:, :, None])


def distance_graph(rows: Tensor, seen: Tensor) -> Tensor:
    """exp(-|i - j| / e), not normalised, 0 to what is not seen: [B, T, D], bool [B, T] -> [B, T, T]."""
    place = torch.arange(rows.shape[1], device=rows.device, dtype=rows.dtype)
    return torch.exp(-(place[:, None] - place).abs() / math.e) * seen[:, None, :]
