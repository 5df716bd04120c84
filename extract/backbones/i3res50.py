"""I3D-ResNet50 of the Non-local Networks authors, the network behind RTFM's features (Wang et al., CVPR 2018,
https://arxiv.org/abs/1711.07971; baseline 32x2, ImageNet start).

This is not pytorchvideo's `i3d_r50`: here the stem halves time and a pool halves it again, so neither weights
nor features of the two are interchangeable. Tensor names are those of torchvision's ResNets; extract.weights
translates the Caffe2 file.
"""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor, nn

from extract.backbones.backbone import Backbone

# For each block of each stage: 1 if its first convolution spans three frames, 0 if it spans one.
TEMPORAL = ((1, 1, 1), (1, 0, 1, 0), (1, 0, 1, 0, 1, 0), (0, 1, 0))


class I3Res50(Backbone):
    """2048 numbers per clip: the mean of the last stage."""

    name = "i3d-r50-caffe2"
    feature_dim = 2048
    min_length = 7  # halving time three times leaves one step
    classifier = ("fc.",)
    layer1: nn.Sequential
    layer2: nn.Sequential
    layer3: nn.Sequential
    layer4: nn.Sequential

    def __init__(self):
        super().__init__()
        self.conv1 = nn.Conv3d(3, 64, (5, 7, 7), stride=2, padding=(2, 3, 3), bias=False)
        self.bn1 = nn.BatchNorm3d(64)
        self.relu = nn.ReLU(inplace=True)
        width = 64
        for number, temporal in enumerate(TEMPORAL, start=1):
            blocks, planes = [], 32 * 2**number
            for index, temporal_reach in enumerate(temporal):
                stride = 2 if number > 1 and index == 0 else 1
                blocks.append(Bottleneck(width, planes, stride=stride, temporal_reach=temporal_reach))
                width = 4 * planes
            self.add_module(f"layer{number}", nn.Sequential(*blocks))

    def forward(self, clips: Tensor) -> Tensor:  # [B, 3, L, H, W] -> [B, 2048]
        x = self.relu(self.bn1(self.conv1(clips)))
        x = self.layer1(F.max_pool3d(x, (2, 3, 3), stride=2))
        x = F.max_pool3d(x, (2, 1, 1))
        x = self.layer4(self.layer3(self.layer2(x)))
        return x.float().mean(dim=(2, 3, 4))


class Bottleneck(nn.Module):
    """Residual block whose first convolution may span time."""

    def __init__(self, width_in: int, planes: int, *, stride: int, temporal_reach: int):
        super().__init__()
        reach = temporal_reach  # frames on either side that the first convolution covers
        self.conv1 = nn.Conv3d(width_in, planes, (1 + 2 * reach, 1, 1), padding=(reach, 0, 0), bias=False)
        self.bn1 = nn.BatchNorm3d(planes)
        self.conv2 = nn.Conv3d(planes, planes, (1, 3, 3), (1, stride, stride), padding=(0, 1, 1), bias=False)
        self.bn2 = nn.BatchNorm3d(planes)
        self.conv3 = nn.Conv3d(planes, 4 * planes, 1, bias=False)
        self.bn3 = nn.BatchNorm3d(4 * planes)
        self.downsample = None
        if stride != 1 or width_in != 4 * planes:
            shortcut = nn.Conv3d(width_in, 4 * planes, 1, (1, stride, stride), bias=False)
            self.downsample = nn.Sequential(shortcut, nn.BatchNorm3d(4 * planes))

    def forward(self, x: Tensor) -> Tensor:
        y = F.relu(self.bn1(self.conv1(x)), inplace=True)
        y = F.relu(self.bn2(self.conv2(y)), inplace=True)
        y = self.bn3(self.conv3(y))
        y += x if self.downsample is None else self.downsample(x)
        return F.relu(y, inplace=True)
