"""SigLIP's image tower on single frames, averaged over a clip; tensor names of timm and OpenCLIP.

Zhai et al., ICCV 2023, https://arxiv.org/abs/2303.15343. SigLIP 2 (Tschannen et al., 2025,
https://arxiv.org/abs/2502.14786) has the same tower at this size.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from extract.backbones.backbone import Backbone
from extract.backbones.vit_blocks import EPSILON, Attention, Block, Mlp


class PatchEmbed(nn.Module):
    def __init__(self, width: int, patch: int):
        super().__init__()
        self.proj = nn.Conv2d(3, width, patch, stride=patch)

    def forward(self, frames: Tensor) -> Tensor:  # [n, 3, S, S] -> [n, (S / patch)^2, width]
        return self.proj(frames).flatten(2).transpose(1, 2)


class AttentionPool(nn.Module):
    """One learned query that attends to all patches, then a residual layer."""

    def __init__(self, width: int, heads: int):
        super().__init__()
        self.heads = heads
        self.latent = nn.Parameter(torch.zeros(1, 1, width))
        self.q, self.kv, self.proj = (
            nn.Linear(width, width),
            nn.Linear(width, 2 * width),
            nn.Linear(width, width),
        )
        self.norm, self.mlp = nn.LayerNorm(width, eps=EPSILON), Mlp(width)

    def forward(self, x: Tensor) -> Tensor:  # [n, T, width] -> [n, width]
        query = self.q(self.latent.expand(len(x), -1, -1)).unflatten(2, (self.heads, -1)).transpose(1, 2)
        keys, values = self.kv(x).unflatten(2, (2, self.heads, -1)).permute(2, 0, 3, 1, 4)
        mixed = F.scaled_dot_product_attention(query, keys, values).transpose(1, 2).flatten(2)
        pooled = self.proj(mixed)
        return (pooled + self.mlp(self.norm(pooled)))[:, 0]


class Trunk(nn.Module):
    """A vision transformer without a class token."""

    def __init__(self, *, size: int, patch: int, width: int, layers: int, heads: int):
        super().__init__()
        self.patch_embed = PatchEmbed(width, patch)
        self.pos_embed = nn.Parameter(torch.zeros(1, (size // patch) ** 2, width))
        self.blocks = nn.ModuleList(Block(width, Attention(width, heads)) for _ in range(layers))
        self.norm = nn.LayerNorm(width, eps=EPSILON)
        self.attn_pool = AttentionPool(width, heads)

    def forward(self, frames: Tensor) -> Tensor:  # [n, 3, S, S] -> [n, width]
        x = self.patch_embed(frames) + self.pos_embed
        for block in self.blocks:
            x = block(x)
        return self.attn_pool(self.norm(x))


class Siglip(Backbone):
    """The image tower; a clip's vector is the mean of its frames' vectors, none of them normalised."""

    name = "siglip-vit-b16"
    classifier = ("text.", "logit_scale", "logit_bias")

    def __init__(
        self, *, size: int = 224, patch: int = 16, width: int = 768, layers: int = 12, heads: int = 12
    ):
        super().__init__()
        self.size, self.feature_dim = size, width
        self.visual = nn.ModuleDict(
            {"trunk": Trunk(size=size, patch=patch, width=width, layers=layers, heads=heads)}
        )

    def forward(self, clips: Tensor) -> Tensor:  # [B, 3, L, S, S] -> [B, feature_dim]
        if clips.shape[-2:] != (self.size, self.size):
            raise ValueError(
                f"{self.name} takes frames of {self.size} pixels per side, not {clips.shape[-1]}"
            )
        frames = clips.transpose(1, 2).flatten(0, 1)  # [B * L, 3, S, S]
        vectors = self.visual["trunk"](frames)
        return vectors.unflatten(0, (clips.shape[0], clips.shape[2])).float().mean(dim=1)
