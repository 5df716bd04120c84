"""Parts of vision transformers, with the tensor names that timm gave them."""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor, nn

EPSILON = 1e-6  # of the normalisations, in timm and in MCG-NJU/VideoMAE


def attend(joined: Tensor, heads: int, *, causal: bool = False) -> Tensor:
    """Queries, keys and values side by side [B, T, 3 * width] -> their mixed values [B, T, width].

    causal: a place sees itself and those before it.
    """
    queries, keys, values = joined.unflatten(2, (3, heads, -1)).permute(2, 0, 3, 1, 4)  # [B, heads, T, d]
    mixed = F.scaled_dot_product_attention(queries, keys, values, is_causal=causal)
    return mixed.transpose(1, 2).flatten(2)


class Attention(nn.Module):
    """Multi-head self-attention."""

    def __init__(self, width: int, heads: int):
        super().__init__()
        self.heads = heads
        self.qkv, self.proj = nn.Linear(width, 3 * width), nn.Linear(width, width)

    def forward(self, x: Tensor) -> Tensor:  # [B, T, width] -> [B, T, width]
        return self.proj(attend(self.qkv(x), self.heads))


class Mlp(nn.Module):
    def __init__(self, width: int):
        super().__init__()
        self.fc1, self.fc2 = nn.Linear(width, 4 * width), nn.Linear(4 * width, width)

    def forward(self, x: Tensor) -> Tensor:  # [..., width] -> [..., width]
        return self.fc2(F.gelu(self.fc1(x)))


class Block(nn.Module):
    """A residual block that normalises before attention and before its two layers."""

    def __init__(self, width: int, attention: nn.Module):
        super().__init__()
        self.norm1, self.norm2 = nn.LayerNorm(width, eps=EPSILON), nn.LayerNorm(width, eps=EPSILON)
        self.attn, self.mlp = attention, Mlp(width)

    def forward(self, x: Tensor) -> Tensor:  # [B, T, width] -> [B, T, width]
        x = x + self.attn(self.norm1(x))
        return x + self.mlp(self.norm2(x))
