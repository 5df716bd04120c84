"""The same network with less work: normalisation folded into convolutions, those fused with what follows,
channels-last memory, joined 1x1 convolutions. And a row that depends on its clip alone, to the last bit,
wherever it stands in a batch of one shape.
"""

from __future__ import annotations

import copy

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm
from torch.nn.utils.fusion import fuse_conv_bn_eval
from torchvision.ops import SqueezeExcitation

from extract.backbones import i3d, i3res50, resnext
from extract.backbones.backbone import Backbone
from extract.inference.fast.blocks import LeanMixed, fused, lean_bottleneck, lean_res_block, lean_unit
from extract.inference.fast.fused_conv import FusedConv, can_be_fused
from extract.inference.fast.squeeze import LeanSqueeze

CONVOLUTIONS = (nn.Conv2d, nn.Conv3d)
ACTIVATIONS = {nn.ReLU: "relu", nn.SiLU: "swish"}


class Lean(Backbone):
    """A prepared backbone: interface and numbers of the plain one; its tensors no longer have published names."""

    def __init__(self, plain: Backbone, net: nn.Module, *, dtype: torch.dtype = torch.float32):
        super().__init__()
        self.name, self.feature_dim, self.channels = plain.name, plain.feature_dim, plain.channels
        self.min_length, self.exact_length = plain.min_length, plain.exact_length
        self.net, self.dtype = net, dtype

    def forward(self, clips: Tensor) -> Tensor:  # [B, channels, L, H, W] -> float32 [B, feature_dim]
        clips = clips.to(self.dtype).contiguous(memory_format=torch.channels_last_3d)
        return self.net(clips).float()


@torch.no_grad()
def prepare(backbone: Backbone, *, device: torch.device | str = "cpu", precision: str = "fp32") -> Lean:
    """An equivalent network for inference on the device; the given one stays as it is.

    precision "bf16" also stores weights and runs layers in bfloat16 ("fp32" and "tf32" leave them in float32:
    whether products are rounded to TF32 is a switch of the process, which the caller sets).
    """
    if precision not in ("fp32", "tf32", "bf16"):
        raise ValueError(f"precision is {precision!r}, expected fp32, tf32 or bf16")
    net = copy.deepcopy(backbone).eval().requires_grad_(False)
    fold_norms(net)
    for parent in list(net.modules()):
        for name, child in parent.named_children():
            kind = f"{type(child).__module__}.{type(child).__name__}"
            if kind in REPLACED:
                setattr(parent, name, REPLACED[kind](child))
    fuse_convolutions(net)
    dtype = torch.bfloat16 if precision == "bf16" else next(backbone.parameters()).dtype
    net = net.to(device=device, dtype=dtype)
    for module in net.modules():
        if isinstance(module, FusedConv):
            module.weight.data = module.weight.data.contiguous(memory_format=module.layout)
    return Lean(backbone, net, dtype=dtype).eval()


def fold_norms(net: nn.Module) -> None:
    """Fold each batch normalisation into the convolution that stands right before it in the same module.

    The networks here name their layers in the order of their use, which a test of equality holds for each.
    """
    for parent in net.modules():
        children = list(parent.named_children())
        for (conv_name, conv), (norm_name, norm) in zip(children, children[1:]):
            owner, name = parent, conv_name
            while isinstance(conv, nn.Sequential) and len(conv):  # (2+1)D: the last of a row of layers
                owner, (name, conv) = conv, list(conv.named_children())[-1]
            fits = isinstance(conv, CONVOLUTIONS) and isinstance(norm, _BatchNorm)
            if fits and conv.out_channels == norm.num_features:
                setattr(owner, name, fuse_conv_bn_eval(conv, norm))
                setattr(parent, norm_name, nn.Identity())


def fuse_convolutions(net: nn.Module) -> None:
    """Every convolution left in a network, with the activation right after it in the same module."""
    for parent in list(net.modules()):
        children = [pair for pair in parent.named_children() if type(pair[1]) is not nn.Identity]
        for (name, conv), (next_name, after) in zip(children, [*children[1:], ("", None)]):
            if can_be_fused(conv):
                setattr(parent, name, fused(conv, ACTIVATIONS.get(type(after), "none")))
                if type(after) in ACTIVATIONS:
                    setattr(parent, next_name, nn.Identity())


# What a block becomes once its normalisations are folded; pytorchvideo's by name, because its import is slow.
REPLACED = {
    f"{kind.__module__}.{kind.__name__}": lean
    for kind, lean in (
        (i3d.Unit, lean_unit),
        (i3d.Mixed, LeanMixed),
        (resnext.Bottleneck, lean_bottleneck),
        (i3res50.Bottleneck, lean_bottleneck),
        (SqueezeExcitation, LeanSqueeze),
    )
} | {"pytorchvideo.models.resnet.ResBlock": lean_res_block}
