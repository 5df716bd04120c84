"""Presets of networks of single frames."""

from __future__ import annotations

from extract.presets.common_values import CENTER_224, IMAGENET, OURS
from extract.presets.preset import Preset, Resize

TORCHVISION = "torchvision EfficientNet_B0_Weights.IMAGENET1K_V1.transforms()"

EFFICIENTNET = {
    **dict.fromkeys(("resize", "crop", "scaling"), TORCHVISION),
    "backbone": "Tan & Le, ICML 2019 (arXiv 1905.11946)",
    "feature_dim": "width before the classifier",
}


IMAGE_PRESETS = (
    Preset(
        "efficientnet-b0",
        "EfficientNet-B0, mean of a segment's 16 frames",
        clip_length=16,
        segment_stride=16,
        feature_dim=1280,
        backbone="efficientnet-b0",
        weights="imagenet",
        resize=Resize("short_side", 256, "bicubic"),
        crop=CENTER_224,
        scaling=IMAGENET,
        batch_size=(1, 64),
        sources={
            **EFFICIENTNET,
            "clip_length": OURS + ": the frames that I3D sees",
        },
    ),
    Preset(
        "efficientnet-b0-frames",
        "EfficientNet-B0 on every second frame",
        clip_length=1,
        segment_stride=2,
        feature_dim=1280,
        backbone="efficientnet-b0",
        weights="imagenet",
        resize=Resize("short_side", 256, "bicubic"),
        crop=CENTER_224,
        scaling=IMAGENET,
        batch_size=(16, 512),
        sources={
            **EFFICIENTNET,
            "clip_length": "a network of single frames",
            "segment_stride": OURS + ": every second frame",
        },
    ),
)
