"""Blocks of the networks in the form that CPUs run fastest: fused convolutions, channels-last throughout.

A tensor [B, C, L, H, W] here lies in memory as [B, L, H, W, C]; each change of that order costs a copy.
"""

from __future__ import annotations

import copy
from typing import Any

import torch
from torch import Tensor, nn

from extract.backbones.efficientnet_lite import ConvNorm, InvertedResidual
from extract.backbones.i3d import Mixed, Unit, max_pool_same
from extract.backbones.same_padding import same_padding
from extract.inference.fast.fused_conv import FusedConv
from extract.inference.fast.paired_conv import PairedConv, gains_by_pairs
from extract.inference.fast.winograd_conv import WinogradConv, gains_by_winograd


def fused_conv(conv: nn.Conv2d | nn.Conv3d, activation: str = "none") -> nn.Module:
    """A convolution and its activation in the fastest way for its shape; called like FusedConv."""
    if isinstance(conv, nn.Conv3d) and gains_by_winograd(conv, activation):
        return WinogradConv(conv)
    if isinstance(conv, nn.Conv3d) and gains_by_pairs(conv):
        return PairedConv(conv, activation)
    return FusedConv(conv, activation)


class FusedUnit(nn.Module):
    """Convolution with SAME padding, bias and activation in one pass."""

    def __init__(self, conv: nn.Conv2d | nn.Conv3d, activation: str = "relu"):
        super().__init__()
        self.conv, self.kernel_size, self.stride = fused_conv(conv, activation), conv.kernel_size, conv.stride

    def forward(self, x: Tensor) -> Tensor:
        axes = zip(x.shape[2:], self.kernel_size, self.stride, strict=True)
        return self.conv(x, pads=[same_padding(*axis) for axis in axes])


class FusedMixed(nn.Module):
    """A block of Inception-I3D whose three 1x1 convolutions of the same input are one."""

    def __init__(self, mixed: Mixed):
        super().__init__()
        first = (mixed.b0.conv3d, mixed.b1a.conv3d, mixed.b2a.conv3d)
        self.widths = [conv.out_channels for conv in first]
        joined = copy.deepcopy(first[0])
        joined.out_channels = sum(self.widths)
        for name in ("weight", "bias"):
            values = torch.cat([getattr(conv, name) for conv in first])
            setattr(joined, name, nn.Parameter(values, requires_grad=False))
        self.first = FusedUnit(joined)
        self.b1b, self.b2b, self.b3b = (FusedUnit(unit.conv3d) for unit in (mixed.b1b, mixed.b2b, mixed.b3b))

    def forward(self, x: Tensor) -> Tensor:
        y0, y1, y2 = self.first(x).split(self.widths, dim=1)
        y3 = self.b3b(max_pool_same(x, (3, 3, 3), (1, 1, 1)))
        branches = (y0, self.b1b(y1), self.b2b(y2), y3)
        joined = torch.cat([branch.permute(0, 2, 3, 4, 1) for branch in branches], dim=4)
        return joined.permute(0, 4, 1, 2, 3)


class FusedBottleneck(nn.Module):
    """A residual block; the last convolution, the sum and its ReLU are one pass over the shortcut."""

    def __init__(self, conv1: nn.Conv3d, conv2: nn.Conv3d, conv3: nn.Conv3d, *, shortcut: nn.Conv3d | None):
        super().__init__()
        self.conv1, self.conv2 = FusedConv(conv1, "relu"), FusedConv(conv2, "relu")
        self.conv3 = FusedConv(conv3)
        self.shortcut = None if shortcut is None else FusedConv(shortcut)

    def forward(self, x: Tensor) -> Tensor:
        y = self.conv2(self.conv1(x))
        return self.conv3.add_relu(y, x if self.shortcut is None else self.shortcut(x))


class FusedInvertedResidual(nn.Module):
    """EfficientNet-Lite's block; the narrow convolution at its end is added to the input in the same pass."""

    def __init__(self, block: InvertedResidual):
        super().__init__()
        self.expand = None if block.expand is None else fused_conv_norm(block.expand)
        self.depthwise = fused_conv_norm(block.depthwise)
        self.project = FusedConv(block.project.conv)
        self.adds = block.adds

    def forward(self, x: Tensor) -> Tensor:
        y = self.depthwise(x if self.expand is None else self.expand(x))
        return self.project.add(y, x) if self.adds else self.project(y)


def fused_unit(unit: Unit) -> FusedUnit:
    """From a unit whose normalisation has been folded."""
    return FusedUnit(unit.conv3d)


def fused_conv_norm(unit: ConvNorm) -> FusedUnit:
    """From a layer of EfficientNet-Lite whose normalisation has been folded."""
    return FusedUnit(unit.conv, "relu6" if unit.activates else "none")


def fused_bottleneck(block: Any) -> FusedBottleneck:
    """From the Bottleneck of resnext.py or i3res50.py."""
    shortcut = None if block.downsample is None else block.downsample[0]
    return FusedBottleneck(block.conv1, block.conv2, block.conv3, shortcut=shortcut)


def fused_res_block(block: Any) -> FusedBottleneck:
    """From pytorchvideo's ResBlock around its BottleneckBlock."""
    branch = block.branch2
    return FusedBottleneck(branch.conv_a, branch.conv_b, branch.conv_c, shortcut=block.branch1_conv)
