"""Named protocols: network and preprocessing together, every number with its source."""
from __future__ import annotations

import dataclasses
from dataclasses import dataclass, field

from extract.spec import FeatureSpec


@dataclass(frozen=True)
class Resize:
    """mode: `short_side` keeps the aspect, `exact` is (height, width). filter: bilinear, bicubic or lanczos."""

    mode: str
    size: int | tuple[int, int]
    filter: str = "bilinear"


@dataclass(frozen=True)
class Crop:
    """layout: a key of transforms.CROPS. size: pixels of a side."""

    layout: str
    size: int


@dataclass(frozen=True)
class Scaling:
    """(x - mean) / std on 0..255, one value a channel."""

    mean: tuple[float, ...]
    std: tuple[float, ...]


@dataclass(frozen=True)
class Flow:
    """method: tvl1 or raft. variant: settings of the method by name. clamp: pixels a frame, None = no clamp.
    quantiser: mediapipe, round or none."""

    method: str = "tvl1"
    variant: str = "opencv"
    clamp: float | None = 20.0
    quantiser: str = "mediapipe"


@dataclass(frozen=True)
class Preset:
    """One protocol. Exactly one of backbone (a network on the device) and descriptor (CPU only) is set.

    batch_size: network inputs in one forward pass on a CPU and on a GPU; recorded in a new store.
    sources: field -> where its number comes from.
    """

    name: str
    summary: str
    clip_length: int
    segment_stride: int
    feature_dim: int
    frame_stride: int = 1
    backbone: str | None = None
    descriptor: str | None = None
    weights: str = "none"
    modality: str = "rgb"
    resize: Resize | None = None
    crop: Crop | None = None
    scaling: Scaling | None = None
    flow: Flow | None = None
    fps: float | None = None
    tail: str = "pad"
    dtype: str = "float32"
    levels: tuple[str, ...] = ()
    batch_size: tuple[int, int] = (2, 64)
    sources: dict[str, str] = field(default_factory=dict)

    @property
    def num_crops(self) -> int:
        from extract.transforms import NUM_CROPS

        return 1 if self.crop is None else NUM_CROPS[self.crop.layout]

    def spec(self, *, weights: str = "", precision: str = "fp32") -> FeatureSpec:
        """What a store made with this preset and these weights (their digest) records."""
        parts = {"resize": self.resize, "crop": self.crop, "scaling": self.scaling}
        preprocessing = {name: dataclasses.asdict(part) for name, part in parts.items() if part is not None}
        if self.levels:
            preprocessing["levels"] = list(self.levels)
        return FeatureSpec(
            preset=self.name, backbone=self.backbone or self.descriptor, weights=weights, modality=self.modality,
            clip_length=self.clip_length, frame_stride=self.frame_stride, segment_stride=self.segment_stride,
            feature_dim=self.feature_dim, preprocessing=_plain(preprocessing),
            flow=None if self.flow is None else dataclasses.asdict(self.flow), fps=self.fps, tail=self.tail,
            crops="center" if self.crop is None else self.crop.layout, num_crops=self.num_crops, dtype=self.dtype,
            precision=precision,
        )


def _plain(value):
    if isinstance(value, dict):
        return {name: _plain(each) for name, each in value.items()}
    return [_plain(each) for each in value] if isinstance(value, (tuple, list)) else value


SHORT_256 = Resize("short_side", 256)
CENTER_224 = Crop("center", 224)
SIGNED_UNIT = Scaling((127.5,) * 3, (127.5,) * 3)  # 2 x / 255 - 1
KINETICS = Scaling((114.75,) * 3, (57.375,) * 3)  # (x / 255 - 0.45) / 0.225
IMAGENET = Scaling((123.675, 116.28, 103.53), (58.395, 57.12, 57.375))  # 255 x (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
SIGNED_FLOW = Scaling((127.5,) * 2, (127.5,) * 2)

DEEPMIND = "Carreira & Zisserman, CVPR 2017; deepmind/kinetics-i3d README"
KAY = "torchvision EfficientNet_B0_Weights.IMAGENET1K_V1.transforms()"
OURS = "decision of this project"

PRESETS = {
    preset.name: preset
    for preset in (
        Preset(
            "motion", "optical flow statistics without any weights; the default for trials", clip_length=16, segment_stride=16,
            feature_dim=0, descriptor="motion",
            sources={"clip_length": "16 frames as C3D and I3D snippets", "feature_dim": OURS + ", extract/descriptors/motion.py"},
        ),
        Preset(
            "efficientnet-b0", "EfficientNet-B0, mean of a segment's 16 frames", clip_length=16, segment_stride=16,
            feature_dim=1280, backbone="efficientnet-b0", weights="imagenet", resize=Resize("short_side", 256, "bicubic"),
            crop=CENTER_224, scaling=IMAGENET, batch_size=(1, 64),
            sources={
                "resize": KAY, "crop": KAY, "scaling": KAY, "weights": "Tan & Le, ICML 2019; torchvision",
                "clip_length": OURS + ": the 16 frames that I3D sees", "feature_dim": "width before the classifier",
            },
        ),
    )
}


def known(name: str) -> Preset:
    """The preset of that name. Raises ValueError naming the known ones."""
    if name not in PRESETS:
        raise ValueError(f"unknown preset {name!r}; known presets: {', '.join(PRESETS)}")
    return PRESETS[name]
