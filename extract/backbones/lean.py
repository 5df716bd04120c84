"""The same network with less work: normalisation folded into convolutions, channels-last memory, joined 1x1
convolutions. And a row that depends on its clip alone, to the last bit, wherever it stands in a batch of one shape.
"""
from __future__ import annotations

import copy

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm
from torch.nn.utils.fusion import fuse_conv_bn_eval
from torchvision.ops import SqueezeExcitation

from extract.backbones.base import Backbone
from extract.backbones.i3d import Mixed, max_pool_same

CONVOLUTIONS = (nn.Conv2d, nn.Conv3d)
WIDTH = 64  # four of the widest vectors of today's processors


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
            if type(child) in REPLACED:
                setattr(parent, name, REPLACED[type(child)](child))
    dtype = torch.bfloat16 if precision == "bf16" else next(backbone.parameters()).dtype
    net = net.to(device=device, dtype=dtype)
    for module in net.modules():
        if isinstance(module, CONVOLUTIONS):
            spatial = torch.channels_last if isinstance(module, nn.Conv2d) else torch.channels_last_3d
            module.weight.data = module.weight.data.contiguous(memory_format=spatial)
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


class LeanMixed(nn.Module):
    """A block of Inception-I3D whose three 1x1 convolutions of the same input are one."""

    def __init__(self, mixed: Mixed):
        super().__init__()
        first = (mixed.b0, mixed.b1a, mixed.b2a)
        self.widths = [unit.conv3d.out_channels for unit in first]
        self.first = copy.deepcopy(mixed.b0)
        self.first.conv3d.out_channels = sum(self.widths)
        for name in ("weight", "bias"):
            joined = torch.cat([getattr(unit.conv3d, name) for unit in first])
            setattr(self.first.conv3d, name, nn.Parameter(joined, requires_grad=False))
        self.b1b, self.b2b, self.b3b = mixed.b1b, mixed.b2b, mixed.b3b

    def forward(self, x: Tensor) -> Tensor:
        y0, y1, y2 = self.first(x).split(self.widths, dim=1)
        y3 = self.b3b(max_pool_same(x, (3, 3, 3), (1, 1, 1)))
        return torch.cat([y0, self.b1b(y1), self.b2b(y2), y3], dim=1)


class LeanSqueeze(nn.Module):
    """A squeeze-and-excitation gate whose rounding does not depend on a frame's place in the batch.

    Its tensors are small and of odd sizes: a matrix product over the batch, or an activation at the end of the memory,
    takes other code for the last rows than for the first (seen in the 7th digit, EfficientNet-B0 on CPUs). So products
    are summed row by row, and rows have a width that processors take whole.
    """

    def __init__(self, gate: SqueezeExcitation):
        super().__init__()
        self.pool, self.activation, self.scale_activation = gate.avgpool, gate.activation, gate.scale_activation
        self.first, self.second = _widened(gate.fc1), _widened(gate.fc2)
        columns = _padded(self.second.weight, self.first.out_features, dim=1)
        self.second.weight = nn.Parameter(columns, requires_grad=False)

    def forward(self, x: Tensor) -> Tensor:
        means = self.pool(x).flatten(1).float()  # [N, C]
        hidden = self.activation(_row_by_row(means, self.first))
        scale = self.scale_activation(_row_by_row(hidden, self.second))[:, : x.shape[1]]
        return x * scale[:, :, None, None].to(x.dtype)


def _row_by_row(rows: Tensor, layer: nn.Linear) -> Tensor:
    return (rows[:, None] * layer.weight.float()).sum(dim=2) + layer.bias.float()


def _widened(conv: nn.Conv2d) -> nn.Linear:
    """A 1x1 convolution as a layer with zero outputs added up to a multiple of WIDTH."""
    width = -(-conv.out_channels // WIDTH) * WIDTH
    layer = nn.Linear(conv.in_channels, width)
    layer.weight = nn.Parameter(_padded(conv.weight.flatten(1), width, dim=0), requires_grad=False)
    layer.bias = nn.Parameter(_padded(conv.bias, width, dim=0), requires_grad=False)
    return layer


def _padded(x: Tensor, size: int, *, dim: int) -> Tensor:
    missing = list(x.shape)
    missing[dim] = size - x.shape[dim]
    return torch.cat([x.detach(), x.new_zeros(missing)], dim=dim)


REPLACED = {Mixed: LeanMixed, SqueezeExcitation: LeanSqueeze}
