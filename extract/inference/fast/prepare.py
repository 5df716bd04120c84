"""The same network with less work: normalisation folded into convolutions, those fused with what follows,
channels-last memory, joined 1x1 convolutions. A row then depends on its clip alone, to the last bit, whatever
its position in a batch of one shape.
"""

from __future__ import annotations

import copy
import os
from collections.abc import Callable
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm
from torch.nn.utils.fusion import fuse_conv_bn_eval

from extract.backbones import clip_blocks, clip_vit, efficientnet_lite, i3d, i3res50, resnext, videomae
from extract.backbones.backbone import Backbone
from extract.inference.fast.blocks import (
    FusedInvertedResidual,
    FusedMixed,
    fused_bottleneck,
    fused_conv,
    fused_conv_norm,
    fused_res_block,
    fused_unit,
)
from extract.inference.fast.fused_conv import FusedConv, can_be_fused
from extract.inference.fast.fused_linear import (
    FusedTower,
    fused_biased_attention,
    fused_clip_attention,
    fused_linear,
)
from extract.inference.fast.squeeze import RowwiseSqueeze
from extract.inference.fast.winograd_conv import WinogradConv

# The environment variable that turns the fast path off when it is 0.
SWITCH = "VAD_FAST"
CONVOLUTIONS = (nn.Conv2d, nn.Conv3d)
ACTIVATIONS = {nn.ReLU: "relu", nn.SiLU: "swish"}


class Prepared(Backbone):
    """A backbone ready for inference: the interface of the plain one, float32 rows for any arithmetic inside.

    fast: whether its layers were rewritten; then its tensors no longer have their published names.
    """

    def __init__(self, plain: Backbone, net: nn.Module, *, dtype: torch.dtype, fast: bool):
        super().__init__()
        self.name, self.feature_dim, self.channels = plain.name, plain.feature_dim, plain.channels
        self.min_length, self.exact_length = plain.min_length, plain.exact_length
        self.net, self.dtype, self.fast = net, dtype, fast

    def forward(self, clips: Tensor) -> Tensor:  # [B, channels, L, H, W] -> float32 [B, feature_dim]
        clips = clips.to(self.dtype)
        if self.fast:
            clips = clips.contiguous(memory_format=torch.channels_last_3d)
        return self.net(clips).float()

    def settle(self) -> None:
        """Stay with clips and batches as large as so far, or smaller batches: half the memory of weights."""
        for module in self.net.modules():
            if isinstance(module, (FusedConv, WinogradConv)):
                module.settle()


def fast_by_default() -> bool:
    """Whether the environment leaves the fast path on."""
    return os.environ.get(SWITCH) != "0"


@torch.no_grad()
def prepare(
    backbone: Backbone,
    *,
    device: torch.device | str = "cpu",
    precision: str = "fp32",
    fast: bool | None = None,
) -> Prepared:
    """An equivalent network for inference on the device; the given one stays as it is.

    precision "bf16" also stores weights and runs layers in bfloat16 ("fp32" and "tf32" leave them in float32:
    whether products are rounded to TF32 is a switch of the process, which the caller sets). fast: whether
    layers are rewritten, None = unless the environment variable VAD_FAST is 0.
    """
    if precision not in ("fp32", "tf32", "bf16"):
        raise ValueError(f"precision is {precision!r}, expected fp32, tf32 or bf16")
    fast = fast_by_default() if fast is None else fast
    net = copy.deepcopy(backbone).eval().requires_grad_(False)
    if fast:
        fold_norms(net)
        replace_blocks(net)
        fuse_convolutions(net)
        fuse_linears(net)
    dtype = torch.bfloat16 if precision == "bf16" else next(backbone.parameters()).dtype
    net = net.to(device=device, dtype=dtype)
    for module in net.modules():
        if isinstance(module, FusedConv):
            module.lay_out()
    return Prepared(backbone, net, dtype=dtype, fast=fast).eval()


def fold_norms(net: nn.Module) -> None:
    """Fold each batch normalisation into the convolution right before it in the same module.

    The networks here name their layers in the order of their use; a test of equality holds this for each.
    """
    for parent in net.modules():
        for (conv_name, conv), (norm_name, norm) in pairwise(list(parent.named_children())):
            owner, name = parent, conv_name
            while isinstance(conv, nn.Sequential) and len(conv):  # (2+1)D: the last layer of several
                owner, (name, conv) = conv, list(conv.named_children())[-1]
            if not isinstance(conv, CONVOLUTIONS) or not isinstance(norm, _BatchNorm):
                continue
            if conv.out_channels == norm.num_features:
                setattr(owner, name, fuse_conv_bn_eval(conv, norm))
                setattr(parent, norm_name, nn.Identity())


def replace_blocks(net: nn.Module) -> None:
    """Replace blocks whose normalisation is folded by their fused ones."""
    for parent in list(net.modules()):
        for name, child in parent.named_children():
            if (kind := _kind(type(child))) in REPLACED:
                setattr(parent, name, REPLACED[kind](child))


def fuse_convolutions(net: nn.Module) -> None:
    """Fuse every convolution that is left with the activation right after it in the same module."""
    for parent in list(net.modules()):
        children = [pair for pair in parent.named_children() if type(pair[1]) is not nn.Identity]
        for (name, conv), (next_name, after) in pairwise([*children, ("", nn.Identity())]):
            if isinstance(conv, CONVOLUTIONS) and can_be_fused(conv):
                setattr(parent, name, fused_conv(conv, ACTIVATIONS.get(type(after), "none")))
                if type(after) in ACTIVATIONS:
                    setattr(parent, next_name, nn.Identity())


def fuse_linears(net: nn.Module) -> None:
    """Let oneDNN compute every linear layer that is left."""
    for parent in list(net.modules()):
        for name, child in parent.named_children():
            if type(child) is nn.Linear:
                setattr(parent, name, fused_linear(child))


def _kind(block: type) -> str:
    return f"{block.__module__}.{block.__name__}"


# Blocks are recognised by name, because importing pytorchvideo or torchvision is slow; torchvision also
# brings torch's compiler, 160 MB.
REPLACED: dict[str, Callable[..., nn.Module]] = {
    _kind(i3d.Unit): fused_unit,
    _kind(i3d.Mixed): FusedMixed,
    _kind(resnext.Bottleneck): fused_bottleneck,
    _kind(i3res50.Bottleneck): fused_bottleneck,
    _kind(efficientnet_lite.ConvNorm): fused_conv_norm,
    _kind(efficientnet_lite.InvertedResidual): FusedInvertedResidual,
    _kind(clip_blocks.Attention): fused_clip_attention,
    _kind(clip_vit.VisionTower): FusedTower,
    _kind(videomae.BiasedAttention): fused_biased_attention,
    "torchvision.ops.misc.SqueezeExcitation": RowwiseSqueeze,
    "pytorchvideo.models.resnet.ResBlock": fused_res_block,
}
