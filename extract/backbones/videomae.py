"""VideoMAE's ViT-B on clips of 16 frames, finetuned on Kinetics-400.

Tong et al., NeurIPS 2022, https://arxiv.org/abs/2203.12602; tensor names of MCG-NJU/VideoMAE.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from extract.backbones.backbone import Backbone
from extract.backbones.vit_blocks import EPSILON, Block, attend


class BiasedAttention(nn.Module):
    """Multi-head self-attention with biases of queries and values alone: one of keys would change nothing."""

    def __init__(self, width: int, heads: int):
        super().__init__()
        self.heads = heads
        self.qkv = nn.Linear(width, 3 * width, bias=False)
        self.q_bias, self.v_bias = nn.Parameter(torch.zeros(width)), nn.Parameter(torch.zeros(width))
        self.proj = nn.Linear(width, width)

    def forward(self, x: Tensor) -> Tensor:  # [B, T, width] -> [B, T, width]
        bias = torch.cat([self.q_bias, torch.zeros_like(self.q_bias), self.v_bias])
        return self.proj(attend(F.linear(x, self.qkv.weight, bias), self.heads))


class PatchEmbed(nn.Module):
    def __init__(self, width: int, *, patch: int, tube: int):
        super().__init__()
        self.proj = nn.Conv3d(3, width, (tube, patch, patch), stride=(tube, patch, patch))

    def forward(self, clips: Tensor) -> Tensor:  # [B, 3, L, S, S] -> [B, L / tube * (S / patch)^2, width]
        return self.proj(clips).flatten(2).transpose(1, 2)


class VideoMAE(Backbone):
    """Patches of 2 frames x 16 x 16 pixels; their mean after the last block, normalised, is the vector."""

    name = "videomae-b16"
    classifier = ("head.",)

    def __init__(
        self,
        *,
        frames: int = 16,
        size: int = 224,
        patch: int = 16,
        tube: int = 2,
        width: int = 768,
        layers: int = 12,
        heads: int = 12,
    ):
        super().__init__()
        self.feature_dim, self.size = width, size
        self.min_length = self.exact_length = frames
        self.patch_embed = PatchEmbed(width, patch=patch, tube=tube)
        self.register_buffer(
            "positions", sinusoids(frames // tube * (size // patch) ** 2, width), persistent=False
        )
        self.blocks = nn.ModuleList(Block(width, BiasedAttention(width, heads)) for _ in range(layers))
        self.fc_norm = nn.LayerNorm(width, eps=EPSILON)

    def forward(self, clips: Tensor) -> Tensor:  # [B, 3, 16, 224, 224] -> [B, feature_dim]
        if clips.shape[-3:] != (self.exact_length, self.size, self.size):
            shape = " x ".join(map(str, clips.shape[-3:]))
            raise ValueError(
                f"{self.name} takes clips of {self.exact_length} x {self.size} x {self.size}, not {shape}"
            )
        x = self.patch_embed(clips) + self.positions
        for block in self.blocks:
            x = block(x)
        return self.fc_norm(x.mean(dim=1)).float()


def sinusoids(places: int, width: int) -> Tensor:
    """[places, width]: sines in even columns, cosines in odd ones, of frequencies 10000^(-2i / width)."""
    frequencies = 10000.0 ** (-2 * (torch.arange(width, dtype=torch.float64) // 2) / width)
    angles = torch.arange(places, dtype=torch.float64)[:, None] * frequencies
    angles[:, 0::2], angles[:, 1::2] = angles[:, 0::2].sin(), angles[:, 1::2].cos()
    return angles.float()
