"""3D ResNeXt-101 on 16 frames of 112 x 112 (Hara et al., CVPR 2018, https://arxiv.org/abs/1711.09577)."""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor, nn

from extract.backbones.backbone import Backbone

BLOCKS = (3, 4, 23, 3)
CARDINALITY = 32


class ResNeXt101(Backbone):
    """2048 numbers per clip.

    Shortcuts are of type B (a convolution where the width changes), as in the released weights.
    """

    name = "resnext101"
    feature_dim = 2048
    min_length = 2  # with one frame under a kernel of seven, oneDNN returns NaN in bfloat16
    classifier = ("fc.",)
    layer1: nn.Sequential
    layer2: nn.Sequential
    layer3: nn.Sequential
    layer4: nn.Sequential

    def __init__(self):
        super().__init__()
        self.conv1 = nn.Conv3d(3, 64, 7, stride=(1, 2, 2), padding=3, bias=False)
        self.bn1 = nn.BatchNorm3d(64)
        self.relu = nn.ReLU(inplace=True)
        width = 64
        for number, count in enumerate(BLOCKS, start=1):
            blocks, planes = [], 64 * 2**number
            for index in range(count):
                blocks.append(Bottleneck(width, planes, stride=2 if number > 1 and index == 0 else 1))
                width = 2 * planes
            self.add_module(f"layer{number}", nn.Sequential(*blocks))

    def forward(self, clips: Tensor) -> Tensor:  # [B, 3, L, 112, 112] -> [B, 2048]
        x = self.relu(self.bn1(self.conv1(clips)))
        x = F.max_pool3d(x, 3, stride=2, padding=1)
        x = self.layer4(self.layer3(self.layer2(self.layer1(x))))
        # At 16 x 112 x 112 this equals the published pool of (1, 4, 4).
        return x.float().mean(dim=(2, 3, 4))


class Bottleneck(nn.Module):
    """Residual block with grouped convolutions."""

    def __init__(self, width_in: int, planes: int, *, stride: int):
        super().__init__()
        self.conv1 = nn.Conv3d(width_in, planes, 1, bias=False)
        self.bn1 = nn.BatchNorm3d(planes)
        self.conv2 = nn.Conv3d(planes, planes, 3, stride, padding=1, groups=CARDINALITY, bias=False)
        self.bn2 = nn.BatchNorm3d(planes)
        self.conv3 = nn.Conv3d(planes, 2 * planes, 1, bias=False)
        self.bn3 = nn.BatchNorm3d(2 * planes)
        self.downsample = None
        if stride != 1 or width_in != 2 * planes:
            shortcut = nn.Conv3d(width_in, 2 * planes, 1, stride, bias=False)
            self.downsample = nn.Sequential(shortcut, nn.BatchNorm3d(2 * planes))

    def forward(self, x: Tensor) -> Tensor:
        y = F.relu(self.bn1(self.conv1(x)), inplace=True)
        y = F.relu(self.bn2(self.conv2(y)), inplace=True)
        y = self.bn3(self.conv3(y))
        y += x if self.downsample is None else self.downsample(x)
        return F.relu(y, inplace=True)
