"""EfficientNet-Lite on single frames, averaged over a clip.

Tan & Le, ICML 2019, https://arxiv.org/abs/1905.11946, in the variant of tensorflow/tpu,
models/official/efficientnet/lite: no squeeze-and-excitation, ReLU6, and a stem and a head that do not grow
with the network.
"""

from __future__ import annotations

import math

import torch.nn.functional as F
from torch import Tensor, nn

from extract.backbones.backbone import Backbone
from extract.backbones.same_padding import conv_same

# Name -> how much wider and how much deeper than lite0 (efficientnet_lite_builder.py).
GROWTH = {
    "efficientnet-lite0": (1.0, 1.0),
    "efficientnet-lite1": (1.0, 1.1),
    "efficientnet-lite2": (1.1, 1.2),
}
# Blocks, kernel, stride of the first block, expansion, channels (efficientnet_lite_builder.py).
STAGES = (
    (1, 3, 1, 1, 16),
    (2, 3, 2, 6, 24),
    (2, 5, 2, 6, 40),
    (3, 3, 2, 6, 80),
    (3, 5, 1, 6, 112),
    (4, 5, 2, 6, 192),
    (1, 3, 1, 6, 320),
)
STEM, HEAD, CLASSES = 32, 1280, 1000
# Channels are multiples of this.
DIVISOR = 8
EPSILON = 1e-3


class EfficientNetLite(Backbone):
    """One of GROWTH up to its average pool; a clip's vector is the mean of its frames' vectors."""

    feature_dim = HEAD
    classifier = ("classifier.",)

    def __init__(self, name: str):
        super().__init__()
        if name not in GROWTH:
            raise ValueError(f"unknown network {name!r}; known networks: {', '.join(GROWTH)}")
        self.name = name
        wider, deeper = GROWTH[name]
        self.stem = ConvNorm(3, STEM, kernel=3, stride=2)
        blocks, width = [], STEM
        for stage, (repeats, kernel, stride, expansion, channels) in enumerate(STAGES):
            # the first and the last stage belong to the stem and the head: their depth is fixed
            if 0 < stage < len(STAGES) - 1:
                repeats = math.ceil(deeper * repeats)
            for repeat in range(repeats):
                blocks.append(
                    InvertedResidual(
                        width,
                        scaled_width(channels, wider),
                        kernel=kernel,
                        stride=1 if repeat else stride,
                        expansion=expansion,
                    )
                )
                width = scaled_width(channels, wider)
        self.blocks = nn.Sequential(*blocks)
        self.head = ConvNorm(width, HEAD, kernel=1)
        self.logits = nn.Linear(HEAD, CLASSES)

    def forward(self, clips: Tensor) -> Tensor:  # [B, 3, L, H, W] -> [B, 1280]
        frames = clips.transpose(1, 2).flatten(0, 1)  # [B * L, 3, H, W]
        vectors = self.head(self.blocks(self.stem(frames))).mean(dim=(2, 3))  # [B * L, 1280]
        return vectors.unflatten(0, (clips.shape[0], clips.shape[2])).float().mean(dim=1)

    def class_logits(self, clips: Tensor) -> Tensor:
        """[B, 3, L, H, W] -> [B, 1000]: logits of ImageNet's classes, averaged over the frames."""
        return self.logits(self(clips))


class ConvNorm(nn.Module):
    """Convolution with SAME padding, normalisation, and ReLU6 unless it is left out."""

    def __init__(
        self,
        width_in: int,
        width_out: int,
        *,
        kernel: int,
        stride: int = 1,
        groups: int = 1,
        activates: bool = True,
    ):
        super().__init__()
        self.conv = nn.Conv2d(width_in, width_out, kernel, stride=stride, groups=groups, bias=False)
        self.norm = nn.BatchNorm2d(width_out, eps=EPSILON)
        self.activates = activates

    def forward(self, x: Tensor) -> Tensor:
        y = self.norm(conv_same(x, self.conv))
        return F.relu6(y, inplace=True) if self.activates else y


class InvertedResidual(nn.Module):
    """Widened by 1x1, filtered channel by channel, narrowed by 1x1; added to its input if the shapes agree.

    With expansion 1 the first of the three is left out.
    """

    def __init__(self, width_in: int, width_out: int, *, kernel: int, stride: int, expansion: int):
        super().__init__()
        wide = expansion * width_in
        self.expand = ConvNorm(width_in, wide, kernel=1) if expansion > 1 else None
        self.depthwise = ConvNorm(wide, wide, kernel=kernel, stride=stride, groups=wide)
        self.project = ConvNorm(wide, width_out, kernel=1, activates=False)
        self.adds = stride == 1 and width_in == width_out

    def forward(self, x: Tensor) -> Tensor:
        y = self.project(self.depthwise(x if self.expand is None else self.expand(x)))
        return x + y if self.adds else y


def scaled_width(channels: int, wider: float) -> int:
    """The nearest multiple of DIVISOR, at most a tenth narrower (round_filters in efficientnet_model.py)."""
    wanted = wider * channels
    width = max(DIVISOR, int(wanted + DIVISOR / 2) // DIVISOR * DIVISOR)
    return width + DIVISOR if width < 0.9 * wanted else width
