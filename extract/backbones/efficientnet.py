"""EfficientNet-B0 on single frames, averaged over a clip.

Tan & Le, ICML 2019, https://arxiv.org/abs/1905.11946.
"""

from __future__ import annotations

from torch import Tensor
from torchvision.models import efficientnet_b0

from extract.backbones.backbone import Backbone


class EfficientNetB0(Backbone):
    """torchvision's network up to its average pool; a clip's vector is the mean of its frames' vectors."""

    name = "efficientnet-b0"
    feature_dim = 1280
    classifier = ("classifier.",)

    def __init__(self):
        super().__init__()
        self.features = efficientnet_b0(weights=None).features

    def forward(self, clips: Tensor) -> Tensor:  # [B, 3, L, H, W] -> [B, 1280]
        frames = clips.transpose(1, 2).flatten(0, 1)  # [B * L, 3, H, W]
        vectors = self.features(frames).mean(dim=(2, 3))  # [B * L, 1280]
        return vectors.unflatten(0, (clips.shape[0], clips.shape[2])).float().mean(dim=1)
