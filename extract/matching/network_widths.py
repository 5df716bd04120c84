"""Networks outside the presets by the length of their features, for those that no preset explains."""

from __future__ import annotations

from collections.abc import Iterable

from extract.presets import Preset

# D -> networks whose features people pass around. Widths before the classifier, as their papers state them.
ELSEWHERE = {
    128: "VGGish (sound)",
    400: "class scores of Kinetics-400",
    487: "class scores of Sports-1M",
    512: "CLIP ViT-B/16 or ViT-B/32, ResNet-18 or 34, R(2+1)D-18",
    768: "CLIP ViT-L/14, ViT-B (DINO, MAE), VideoMAE-B, Video Swin-T or S, MViTv2",
    1000: "class scores of ImageNet",
    1024: "Inception-I3D (RGB or flow), S3D, BN-Inception (TSN), Video Swin-B, VideoMAE-L",
    1152: "Inception-I3D joined with VGGish (1024 + 128), SigLIP SO-400M",
    1280: "MobileNetV2, EfficientNet-B0 or Lite0, ViT-H",
    1408: "VideoMAE V2-g",
    1536: "Inception-ResNet-v2, EfficientNet-B3",
    2048: "ResNet-50, 101 or 152, I3D or SlowOnly on ResNet-50, 3D ResNeXt-101, "
    "Inception-I3D RGB joined with flow (1024 + 1024)",
    2304: "SlowFast-R50 or R101",
    4096: "C3D (fc6 or fc7), VGG-16",
}


def usual_widths(presets: Iterable[Preset]) -> list[int]:
    """Every D that features are known to have."""
    return sorted({preset.feature_dim for preset in presets if preset.feature_dim} | set(ELSEWHERE))


def networks_elsewhere(width: int) -> str | None:
    """What has features of this length, besides the presets; None where nothing is known."""
    return ELSEWHERE.get(width)
