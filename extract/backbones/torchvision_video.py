"""Video networks of torchvision behind one adapter: the network without its classifier."""

from __future__ import annotations

from torch import Tensor, nn
from torchvision.models import video

from extract.backbones.backbone import Backbone

# name -> (builder, attribute that holds the classifier, D, fewest frames, only number of frames)
NETWORKS = {
    # R(2+1)D-18, Tran et al., CVPR 2018, https://arxiv.org/abs/1711.11248
    "r2plus1d_18": (video.r2plus1d_18, "fc", 512, 1, None),
    # S3D, Xie et al., ECCV 2018, https://arxiv.org/abs/1712.04851; its last pool needs two time steps
    "s3d": (video.s3d, "classifier", 1024, 13, None),
    # MViTv2-S, Li et al., CVPR 2022, https://arxiv.org/abs/2112.01526; positions are learned for 16 x 224 x 224
    "mvit_v2_s": (video.mvit_v2_s, "head", 768, 16, 16),
    # Video Swin-T, Liu et al., CVPR 2022, https://arxiv.org/abs/2106.13230
    "swin3d_t": (video.swin3d_t, "head", 768, 1, None),
}


class TorchvisionVideo(Backbone):
    """One of NETWORKS; what its classifier would have seen is the clip's vector."""

    prefix = "net."

    def __init__(self, name: str):
        super().__init__()
        if name not in NETWORKS:
            raise ValueError(f"unknown network {name!r}; known networks: {', '.join(NETWORKS)}")
        build, classifier, self.feature_dim, self.min_length, self.exact_length = NETWORKS[name]
        self.name, self.classifier = name, (f"{classifier}.",)
        self.net = build(weights=None)
        setattr(self.net, classifier, nn.Identity())
        if name == "s3d":
            self.net.avgpool = FloatPool(self.net.avgpool)

    def forward(self, clips: Tensor) -> Tensor:  # [B, 3, L, H, W] -> [B, feature_dim]
        return self.net(clips).float()


class FloatPool(nn.Module):
    """The pool in float32: on CPUs there is none for bfloat16."""

    def __init__(self, pool: nn.Module):
        super().__init__()
        self.pool = pool

    def forward(self, x: Tensor) -> Tensor:
        return self.pool(x.float()).to(x.dtype)
