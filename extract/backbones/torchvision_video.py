"""Video networks of torchvision, adapted: the network without its classifier."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from torch import Tensor, nn
from torchvision.models import video

from extract.backbones.backbone import Backbone


@dataclass(frozen=True)
class Network:
    """A network of torchvision. classifier: the attribute to replace; the others are as in Backbone."""

    build: Callable[..., nn.Module]
    classifier: str
    feature_dim: int
    min_length: int = 1
    exact_length: int | None = None


NETWORKS = {
    # R(2+1)D-18, Tran et al., CVPR 2018, https://arxiv.org/abs/1711.11248
    "r2plus1d_18": Network(video.r2plus1d_18, "fc", feature_dim=512),
    # S3D, Xie et al., ECCV 2018, https://arxiv.org/abs/1712.04851. Its last pool needs two time steps.
    "s3d": Network(video.s3d, "classifier", feature_dim=1024, min_length=13),
    # MViTv2-S, Li et al., CVPR 2022, https://arxiv.org/abs/2112.01526. Its positions are learned for clips of
    # 16 x 224 x 224.
    "mvit_v2_s": Network(video.mvit_v2_s, "head", feature_dim=768, min_length=16, exact_length=16),
    # Video Swin-T, Liu et al., CVPR 2022, https://arxiv.org/abs/2106.13230
    "swin3d_t": Network(video.swin3d_t, "head", feature_dim=768),
}


class TorchvisionVideo(Backbone):
    """One of NETWORKS; the input of its classifier is the feature vector of the clip."""

    prefix = "net."

    def __init__(self, name: str):
        super().__init__()
        if name not in NETWORKS:
            raise ValueError(f"unknown network {name!r}; known networks: {', '.join(NETWORKS)}")
        network = NETWORKS[name]
        self.feature_dim, self.min_length = network.feature_dim, network.min_length
        self.exact_length = network.exact_length
        self.name, self.classifier = name, (f"{network.classifier}.",)
        self.net = network.build(weights=None)
        setattr(self.net, network.classifier, nn.Identity())
        if name == "s3d":
            self.net.avgpool = FloatPool(self.net.get_submodule("avgpool"))

    def forward(self, clips: Tensor) -> Tensor:  # [B, 3, L, H, W] -> [B, feature_dim]
        return self.net(clips).float()


class FloatPool(nn.Module):
    """Runs a pool in float32: on CPUs it does not exist for bfloat16."""

    def __init__(self, pool: nn.Module):
        super().__init__()
        self.pool = pool

    def forward(self, x: Tensor) -> Tensor:
        return self.pool(x.float()).to(x.dtype)
