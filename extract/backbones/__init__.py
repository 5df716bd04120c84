"""The networks of stage 1 by name; adding one takes a file and a line in this table."""

from __future__ import annotations

from collections.abc import Callable

from extract.backbones.backbone import Backbone
from extract.backbones.clip_vit import ClipVit
from extract.backbones.efficientnet import EfficientNetB0
from extract.backbones.efficientnet_lite import EfficientNetLite
from extract.backbones.i3d import LEVELS, InceptionI3D
from extract.backbones.i3d_r50 import I3DR50
from extract.backbones.i3res50 import I3Res50
from extract.backbones.resnext import ResNeXt101
from extract.backbones.siglip import Siglip
from extract.backbones.torchvision_video import TorchvisionVideo
from extract.backbones.vggish import VGGish
from extract.backbones.videomae import VideoMAE

BACKBONES: dict[str, Callable[[], Backbone]] = {
    "efficientnet-b0": EfficientNetB0,
    "efficientnet-lite0": lambda: EfficientNetLite("efficientnet-lite0"),
    "efficientnet-lite1": lambda: EfficientNetLite("efficientnet-lite1"),
    "efficientnet-lite2": lambda: EfficientNetLite("efficientnet-lite2"),
    "i3d-rgb": lambda: InceptionI3D("i3d-rgb"),
    "i3d-flow": lambda: InceptionI3D("i3d-flow", channels=2),
    "i3d-rgb-levels": lambda: InceptionI3D("i3d-rgb-levels", levels=LEVELS),
    "i3d-r50": I3DR50,
    "i3d-r50-caffe2": I3Res50,
    "resnext101": ResNeXt101,
    "r2plus1d_18": lambda: TorchvisionVideo("r2plus1d_18"),
    "s3d": lambda: TorchvisionVideo("s3d"),
    "mvit_v2_s": lambda: TorchvisionVideo("mvit_v2_s"),
    "swin3d_t": lambda: TorchvisionVideo("swin3d_t"),
    "clip-vit-b16": lambda: ClipVit("clip-vit-b16", patch=16),
    "clip-vit-b32": lambda: ClipVit("clip-vit-b32", patch=32),
    "clip-vit-b16-laion": lambda: ClipVit("clip-vit-b16-laion", patch=16, quick=False),
    "clip-vit-b32-laion": lambda: ClipVit("clip-vit-b32-laion", patch=32, quick=False),
    "siglip-vit-b16": Siglip,
    "videomae-b16": VideoMAE,
    "vggish": VGGish,
}
