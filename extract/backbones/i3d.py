"""Inception-I3D, RGB and flow (Carreira & Zisserman, CVPR 2017, https://arxiv.org/abs/1705.07750).

Tensor names are those of the published files of the widely used PyTorch port
(`Mixed_3b.b1a.bn.running_mean`), so these files load unchanged. Padding is TensorFlow's SAME, which depends
on the size: a port with constant padding agrees with DeepMind's network only where every stride divides the
length.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from extract.backbones.backbone import Backbone
from extract.backbones.same_padding import conv_same, same_padding

# Channels of the branches: b0 | b1a, b1b | b2a, b2b | b3b (Fig. 3 of the paper, widths of Inception-v1).
MIXED = {
    "Mixed_3b": (64, 96, 128, 16, 32, 32),
    "Mixed_3c": (128, 128, 192, 32, 96, 64),
    "Mixed_4b": (192, 96, 208, 16, 48, 64),
    "Mixed_4c": (160, 112, 224, 24, 64, 64),
    "Mixed_4d": (128, 128, 256, 24, 64, 64),
    "Mixed_4e": (112, 144, 288, 32, 64, 64),
    "Mixed_4f": (256, 160, 320, 32, 128, 128),
    "Mixed_5b": (256, 160, 320, 32, 128, 128),
    "Mixed_5c": (384, 192, 384, 48, 128, 128),
}
# Layer -> (kernel, stride) of the max-pool before it.
POOL_BEFORE = {
    "Conv3d_2b_1x1": ((1, 3, 3), (1, 2, 2)),
    "Mixed_3b": ((1, 3, 3), (1, 2, 2)),
    "Mixed_4b": ((3, 3, 3), (2, 2, 2)),
    "Mixed_5b": ((2, 2, 2), (2, 2, 2)),
}
LEVELS = ("Mixed_3c", "Mixed_4f", "Mixed_5c")


class InceptionI3D(Backbone):
    """1024 numbers per clip; with several `levels`, the means of their layers, concatenated in that order."""

    min_length = 9  # the last average pool needs two time steps: ceil(L / 8) >= 2
    classifier = ("logits.",)

    def __init__(self, name: str = "i3d-rgb", *, channels: int = 3, levels: Sequence[str] = ("Mixed_5c",)):
        super().__init__()
        if unknown := [level for level in levels if level not in MIXED]:
            raise ValueError(f"unknown levels {', '.join(unknown)}; known levels: {', '.join(MIXED)}")
        self.name, self.channels, self.levels = name, channels, tuple(levels)
        self.feature_dim = sum(mixed_width(level) for level in self.levels)
        self.Conv3d_1a_7x7 = Unit(channels, 64, kernel=7, stride=2)
        self.Conv3d_2b_1x1 = Unit(64, 64, kernel=1)
        self.Conv3d_2c_3x3 = Unit(64, 192, kernel=3)
        width = 192
        for level in MIXED:
            self.add_module(level, Mixed(width, MIXED[level]))
            width = mixed_width(level)
        self.logits = Logits(width, 400)

    def forward(self, clips: Tensor) -> Tensor:  # [B, channels, L, 224, 224] -> [B, feature_dim]
        outputs = self._run(clips, self.levels)
        means = {
            name: each.float().mean(dim=(2, 3, 4)) for name, each in outputs.items() if name != "Mixed_5c"
        }
        if "Mixed_5c" in outputs:
            means["Mixed_5c"] = published_pool(outputs["Mixed_5c"]).mean(dim=(2, 3, 4))
        return torch.cat([means[level] for level in self.levels], dim=1)

    def class_logits(self, clips: Tensor) -> Tensor:
        """[B, channels, L, 224, 224] -> [B, 400]: logits of Kinetics-400, averaged over time."""
        pooled = published_pool(self._run(clips, ("Mixed_5c",))["Mixed_5c"])
        return self.logits.conv3d(pooled).mean(dim=(2, 3, 4))

    def _run(self, clips: Tensor, layers: Sequence[str]) -> dict[str, Tensor]:
        """The outputs of the named layers; stops after the last of them."""
        outputs, x = {}, clips
        for name, layer in self.named_children():
            if name == "logits" or len(outputs) == len(set(layers)):
                break
            if name in POOL_BEFORE:
                x = max_pool_same(x, *POOL_BEFORE[name])
            x = layer(x)
            if name in layers:
                outputs[name] = x
        return outputs


class Unit(nn.Module):
    """Convolution, normalisation, ReLU. TensorFlow's files have no gamma, so in the ports it is 1."""

    def __init__(self, width_in: int, width_out: int, *, kernel: int, stride: int = 1):
        super().__init__()
        self.conv3d = nn.Conv3d(width_in, width_out, kernel, stride=stride, bias=False)
        self.bn = nn.BatchNorm3d(width_out, eps=1e-3)

    def forward(self, x: Tensor) -> Tensor:
        return F.relu(self.bn(conv_same(x, self.conv3d)), inplace=True)


class Mixed(nn.Module):
    """Four parallel branches, concatenated along the channels."""

    def __init__(self, width_in: int, widths: tuple[int, ...]):
        super().__init__()
        self.b0 = Unit(width_in, widths[0], kernel=1)
        self.b1a = Unit(width_in, widths[1], kernel=1)
        self.b1b = Unit(widths[1], widths[2], kernel=3)
        self.b2a = Unit(width_in, widths[3], kernel=1)
        self.b2b = Unit(widths[3], widths[4], kernel=3)
        self.b3b = Unit(width_in, widths[5], kernel=1)

    def forward(self, x: Tensor) -> Tensor:
        pooled = max_pool_same(x, (3, 3, 3), (1, 1, 1))
        return torch.cat([self.b0(x), self.b1b(self.b1a(x)), self.b2b(self.b2a(x)), self.b3b(pooled)], dim=1)


class Logits(nn.Module):
    """The classifier, which features do not use."""

    def __init__(self, width_in: int, num_classes: int):
        super().__init__()
        self.conv3d = nn.Conv3d(width_in, num_classes, 1)


def mixed_width(level: str) -> int:
    """Output channels of a Mixed layer."""
    b0, _, b1, _, b2, b3 = MIXED[level]
    return b0 + b1 + b2 + b3


def max_pool_same(x: Tensor, kernel: tuple[int, int, int], stride: tuple[int, int, int]) -> Tensor:
    """Max-pool with SAME padding by zeros, for x >= 0, where the padding cannot change the maximum.

    Pools space first and then time, both as 2-D: the maximum is exact in any order, and on channels-last
    memory this is faster.
    """
    pads = [same_padding(*axis)[0] for axis in zip(x.shape[2:], kernel, stride, strict=True)]
    if kernel[1:] != (1, 1):
        frames = x.transpose(1, 2).flatten(0, 1)  # [B * L, C, H, W]
        frames = F.max_pool2d(frames, kernel[1:], stride[1:], pads[1:], ceil_mode=True)
        x = frames.unflatten(0, (x.shape[0], x.shape[2])).transpose(1, 2)
    if kernel[0] > 1:
        lines = x.flatten(3)  # [B, C, L, H * W]
        lines = F.max_pool2d(lines, (kernel[0], 1), (stride[0], 1), (pads[0], 0), ceil_mode=True)
        x = lines.unflatten(3, x.shape[3:])
    return x


def published_pool(x: Tensor) -> Tensor:
    """The average pool before the logits, [B, 1024, T, 7, 7] -> [B, 1024, T - 1, 1, 1], in float32."""
    return F.avg_pool3d(x.float(), (2, 7, 7), stride=1)
