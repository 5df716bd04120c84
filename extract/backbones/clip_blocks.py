"""The transformer that both towers of CLIP stack, with the tensor names of OpenAI's files.

Radford et al., ICML 2021, https://arxiv.org/abs/2103.00020.
"""

from __future__ import annotations

from collections import OrderedDict

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from extract.backbones.vit_blocks import attend

# Tensors of a published file that belong to one tower, and to none of them.
IMAGE_TENSORS = ("visual.",)
TEXT_TENSORS = ("token_embedding.", "positional_embedding", "transformer.", "ln_final.", "text_projection")
OTHER_TENSORS = ("logit_scale", "logit_bias", "input_resolution", "context_length", "vocab_size", "attn_mask")


class QuickGELU(nn.Module):
    """z sigmoid(1.702 z), with which OpenAI trained; most of OpenCLIP's own models have the exact GELU."""

    def forward(self, x: Tensor) -> Tensor:
        return x * torch.sigmoid(1.702 * x)


class Attention(nn.Module):
    """Multi-head self-attention whose three input projections are one matrix."""

    def __init__(self, width: int, heads: int):
        super().__init__()
        self.heads = heads
        self.in_proj_weight = nn.Parameter(torch.empty(3 * width, width).normal_(std=width**-0.5))
        self.in_proj_bias = nn.Parameter(torch.zeros(3 * width))
        self.out_proj = nn.Linear(width, width)

    def forward(self, x: Tensor, *, causal: bool = False) -> Tensor:  # [B, T, width] -> [B, T, width]
        joined = F.linear(x, self.in_proj_weight, self.in_proj_bias)
        return self.out_proj(attend(joined, self.heads, causal=causal))


class Block(nn.Module):
    """A residual block that normalises before attention and before its two layers."""

    def __init__(self, width: int, heads: int, activation: type[nn.Module]):
        super().__init__()
        self.attn = Attention(width, heads)
        self.ln_1 = nn.LayerNorm(width)
        layers = {
            "c_fc": nn.Linear(width, 4 * width),
            "gelu": activation(),
            "c_proj": nn.Linear(4 * width, width),
        }
        self.mlp = nn.Sequential(OrderedDict(layers))
        self.ln_2 = nn.LayerNorm(width)

    def forward(self, x: Tensor, *, causal: bool = False) -> Tensor:
        x = x + self.attn(self.ln_1(x), causal=causal)
        return x + self.mlp(self.ln_2(x))


class Transformer(nn.Module):
    def __init__(self, width: int, layers: int, heads: int, activation: type[nn.Module]):
        super().__init__()
        self.resblocks = nn.ModuleList(Block(width, heads, activation) for _ in range(layers))

    def forward(self, x: Tensor, *, causal: bool = False) -> Tensor:  # [B, T, width] -> [B, T, width]
        for block in self.resblocks:
            x = block(x, causal=causal)
        return x
