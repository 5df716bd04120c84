"""CLIP's text transformer: the class names and prompts that frames are compared with.

Radford et al., ICML 2021, https://arxiv.org/abs/2103.00020.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn

from extract.backbones.backbone import PublishedNetwork
from extract.backbones.clip_blocks import IMAGE_TENSORS, OTHER_TENSORS, QuickGELU, Transformer


class ClipText(PublishedNetwork):
    """Tokens to vectors that lie in one space with those of the image tower, not normalised."""

    classifier = (*IMAGE_TENSORS, *OTHER_TENSORS)

    def __init__(
        self,
        name: str = "clip-vit-b16",
        *,
        quick: bool = True,
        tokens: int = 77,
        vocabulary: int = 49408,
        width: int = 512,
        layers: int = 12,
        heads: int = 8,
        feature_dim: int = 512,
    ):
        super().__init__()
        self.name, self.feature_dim, self.tokens = name, feature_dim, tokens
        self.token_embedding = nn.Embedding(vocabulary, width)
        self.positional_embedding = nn.Parameter(torch.zeros(tokens, width))
        self.transformer = Transformer(width, layers, heads, QuickGELU if quick else nn.GELU)
        self.ln_final = nn.LayerNorm(width)
        self.text_projection = nn.Parameter(torch.zeros(width, feature_dim))

    def forward(self, tokens: Tensor) -> Tensor:
        """int64 [n, tokens] -> [n, feature_dim], taken at each end token, which has the highest number."""
        x = self.transformer(self.token_embedding(tokens) + self.positional_embedding, causal=True)
        ends = x[torch.arange(len(x)), tokens.argmax(dim=1)]
        return self.ln_final(ends) @ self.text_projection


# Key of BACKBONES -> the text tower that was trained with it.
TEXT_TOWERS: dict[str, Callable[[], ClipText]] = {
    "clip-vit-b16": lambda: ClipText("clip-vit-b16"),
    "clip-vit-b32": lambda: ClipText("clip-vit-b32"),
    "clip-vit-b16-laion": lambda: ClipText("clip-vit-b16-laion", quick=False),
    "clip-vit-b32-laion": lambda: ClipText("clip-vit-b32-laion", quick=False),
}
