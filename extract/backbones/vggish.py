"""VGGish on log-mel patches of sound (Hershey et al., ICASSP 2017, https://arxiv.org/abs/1609.09430).

The network of tensorflow/models, research/audioset/vggish, with the names of its port torchvggish. A row is
what comes after the last ReLU, as in torchvggish; neither the PCA nor the 8-bit levels of AudioSet's own
features are applied.
"""

from __future__ import annotations

from itertools import pairwise

from torch import Tensor, nn

from extract.backbones.backbone import Backbone

# Channels of the convolutions between one halving of the patch and the next.
CHANNELS = ((64,), (128,), (256, 256), (512, 512))
FRAMES, BANDS = 96, 64
WIDTHS = (512 * (FRAMES // 16) * (BANDS // 16), 4096, 4096, 128)


class VGGish(Backbone):
    """Six convolutions and three layers that join all places."""

    name = "vggish"
    feature_dim = WIDTHS[-1]
    channels = 1
    exact_length = 1
    # The PCA that torchvggish keeps in its module.
    classifier = ("pproc.",)

    def __init__(self):
        super().__init__()
        layers: list[nn.Module] = []
        before = self.channels
        for block in CHANNELS:
            for channels in block:
                layers += [nn.Conv2d(before, channels, kernel_size=3, padding=1), nn.ReLU()]
                before = channels
            layers.append(nn.MaxPool2d(2))
        self.features = nn.Sequential(*layers)
        joined = [[nn.Linear(width, after), nn.ReLU()] for width, after in pairwise(WIDTHS)]
        self.embeddings = nn.Sequential(*(layer for pair in joined for layer in pair))

    def forward(self, clips: Tensor) -> Tensor:  # [B, 1, 1, 96, 64], frames and bands -> [B, 128]
        maps = self.features(clips.squeeze(2))  # [B, 512, 6, 4]
        # The published weights count channels fastest.
        return self.embeddings(maps.permute(0, 2, 3, 1).flatten(1))
