"""CLIP's vision transformers on single frames, averaged over a clip.

Radford et al., ICML 2021, https://arxiv.org/abs/2103.00020.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from extract.backbones.backbone import Backbone
from extract.backbones.clip_blocks import OTHER_TENSORS, TEXT_TENSORS, QuickGELU, Transformer


class VisionTower(nn.Module):
    """Patches with a class token in front; the class token after the last block, projected."""

    def __init__(
        self,
        *,
        size: int,
        patch: int,
        width: int,
        layers: int,
        heads: int,
        feature_dim: int,
        activation: type[nn.Module],
    ):
        super().__init__()
        self.size = size
        self.conv1 = nn.Conv2d(3, width, patch, stride=patch, bias=False)
        self.class_embedding = nn.Parameter(torch.zeros(width))
        self.positional_embedding = nn.Parameter(torch.zeros((size // patch) ** 2 + 1, width))
        self.ln_pre = nn.LayerNorm(width)
        self.transformer = Transformer(width, layers, heads, activation)
        self.ln_post = nn.LayerNorm(width)
        self.proj = nn.Parameter(torch.zeros(width, feature_dim))

    def forward(self, frames: Tensor) -> Tensor:  # [n, 3, S, S] -> [n, feature_dim]
        return self.last_token(frames) @ self.proj

    def last_token(self, frames: Tensor) -> Tensor:  # [n, 3, S, S] -> [n, width]
        """The class token after the last block, normalised."""
        patches = self.conv1(frames).flatten(2).transpose(1, 2)  # [n, (S / patch)^2, width]
        token = self.class_embedding.expand(len(frames), 1, -1)
        x = self.ln_pre(torch.cat([token, patches], dim=1) + self.positional_embedding)
        x = self.transformer(x)
        return self.ln_post(x[:, 0])


class ClipVit(Backbone):
    """The image tower; a clip's vector is the mean of its frames' vectors, none of them normalised.

    quick: OpenAI's activation. Files do not say with which activation they were trained.
    """

    classifier = (*TEXT_TENSORS, *OTHER_TENSORS)

    def __init__(
        self,
        name: str = "clip-vit-b16",
        *,
        patch: int = 16,
        quick: bool = True,
        size: int = 224,
        width: int = 768,
        layers: int = 12,
        heads: int = 12,
        feature_dim: int = 512,
    ):
        super().__init__()
        self.name, self.feature_dim = name, feature_dim
        self.visual = VisionTower(
            size=size,
            patch=patch,
            width=width,
            layers=layers,
            heads=heads,
            feature_dim=feature_dim,
            activation=QuickGELU if quick else nn.GELU,
        )

    def forward(self, clips: Tensor) -> Tensor:  # [B, 3, L, S, S] -> [B, feature_dim]
        if clips.shape[-2:] != (self.visual.size, self.visual.size):
            raise ValueError(
                f"{self.name} takes frames of {self.visual.size} pixels per side, not {clips.shape[-1]}"
            )
        frames = clips.transpose(1, 2).flatten(0, 1)  # [B * L, 3, S, S]
        vectors = self.visual(frames)
        return vectors.unflatten(0, (clips.shape[0], clips.shape[2])).float().mean(dim=1)
