"""Linear layers and attention by oneDNN, with weights laid out once.

torch gives float32 products to MKL, which on AMD's processors reaches less than half of what oneDNN does (105
of 239 GFLOP/s of one core with AVX512; equal in bfloat16, bit for bit). The private calls are those that
torch's own compiler uses; if they are missing, or on a GPU, plain layers are called.
"""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from extract.backbones.clip_vit import VisionTower
from extract.backbones.vit_blocks import attend
from extract.inference.fast import fused_conv

CALLS = ("_linear_pointwise", "_reorder_linear_weight")


def available(dtype: torch.dtype) -> bool:
    """Whether this torch has the calls and this CPU the arithmetic."""
    return fused_conv.available(dtype) and all(hasattr(torch.ops.mkldnn, name) for name in CALLS)


class FusedLinear(nn.Module):
    """Called like nn.Linear; once it has computed, only the laid out weight is left."""

    weight: Tensor

    def __init__(self, weight: Tensor, bias: Tensor | None):
        super().__init__()
        self.weight, self.bias = nn.Parameter(weight, requires_grad=False), bias
        self._laid_out: Tensor | None = None

    def forward(self, x: Tensor) -> Tensor:  # [..., in] -> [..., out]
        if self._laid_out is None:
            if not (x.device.type == "cpu" and x.dtype == self.weight.dtype and available(x.dtype)):
                return F.linear(x, self.weight, self.bias)
            self._laid_out = torch.ops.mkldnn._reorder_linear_weight(self.weight, x[..., 0].numel())
            self.weight = None  # pyright: ignore[reportAttributeAccessIssue]  (how modules drop a parameter)
        return torch.ops.mkldnn._linear_pointwise(x, self._laid_out, self.bias, "none", [], "")


class FusedAttention(nn.Module):
    """Multi-head self-attention, called like Attention of clip_blocks.py."""

    def __init__(self, heads: int, joined: FusedLinear, outward: FusedLinear):
        super().__init__()
        self.heads, self.joined, self.outward = heads, joined, outward

    def forward(self, x: Tensor, *, causal: bool = False) -> Tensor:  # [B, T, width] -> [B, T, width]
        return self.outward(attend(self.joined(x), self.heads, causal=causal))


class FusedTower(nn.Module):
    """CLIP's image tower, called like VisionTower; its projection has the same bits for a frame among any."""

    def __init__(self, tower: VisionTower):
        super().__init__()
        self.tower, self.size = tower, tower.size
        self.project = FusedLinear(tower.proj.detach().T.contiguous(), None)

    def forward(self, frames: Tensor) -> Tensor:  # [n, 3, S, S] -> [n, feature_dim]
        return self.project(self.tower.last_token(frames))


def fused_linear(layer: nn.Linear) -> FusedLinear:
    return FusedLinear(layer.weight, layer.bias)


def fused_clip_attention(attention: Any) -> FusedAttention:
    """From the Attention of clip_blocks.py."""
    joined = FusedLinear(attention.in_proj_weight, attention.in_proj_bias)
    return FusedAttention(attention.heads, joined, fused_linear(attention.out_proj))


def fused_biased_attention(attention: Any) -> FusedAttention:
    """From the BiasedAttention of videomae.py."""
    q_bias, v_bias = attention.q_bias.detach(), attention.v_bias.detach()
    bias = nn.Parameter(torch.cat([q_bias, torch.zeros_like(q_bias), v_bias]), requires_grad=False)
    joined = FusedLinear(attention.qkv.weight, bias)
    return FusedAttention(attention.heads, joined, fused_linear(attention.proj))
