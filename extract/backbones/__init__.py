"""The networks of stage 1 by name; adding one takes a file and a line in this table.

A file is imported when its network is built: torchvision alone takes longer than a short video.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable
from typing import Any

from extract.backbones.backbone import Backbone


def network(home: str, *arguments: Any, **options: Any) -> Callable[[], Backbone]:
    """What builds a network. home: "file:class" in this package; the rest is for the class."""
    module, _, name = home.partition(":")

    def build() -> Backbone:
        made = getattr(importlib.import_module(f"{__name__}.{module}"), name)
        return made(*arguments, **options)

    return build


def _i3d_levels() -> Backbone:
    from extract.backbones.i3d import LEVELS, InceptionI3D

    return InceptionI3D("i3d-rgb-levels", levels=LEVELS)


BACKBONES: dict[str, Callable[[], Backbone]] = {
    "efficientnet-b0": network("efficientnet:EfficientNetB0"),
    "efficientnet-lite0": network("efficientnet_lite:EfficientNetLite", "efficientnet-lite0"),
    "efficientnet-lite1": network("efficientnet_lite:EfficientNetLite", "efficientnet-lite1"),
    "efficientnet-lite2": network("efficientnet_lite:EfficientNetLite", "efficientnet-lite2"),
    "i3d-rgb": network("i3d:InceptionI3D", "i3d-rgb"),
    "i3d-flow": network("i3d:InceptionI3D", "i3d-flow", channels=2),
    "i3d-rgb-levels": _i3d_levels,
    "i3d-r50": network("i3d_r50:I3DR50"),
    "i3d-r50-caffe2": network("i3res50:I3Res50"),
    "resnext101": network("resnext:ResNeXt101"),
    "r2plus1d_18": network("torchvision_video:TorchvisionVideo", "r2plus1d_18"),
    "s3d": network("torchvision_video:TorchvisionVideo", "s3d"),
    "mvit_v2_s": network("torchvision_video:TorchvisionVideo", "mvit_v2_s"),
    "swin3d_t": network("torchvision_video:TorchvisionVideo", "swin3d_t"),
    "clip-vit-b16": network("clip_vit:ClipVit", "clip-vit-b16", patch=16),
    "clip-vit-b32": network("clip_vit:ClipVit", "clip-vit-b32", patch=32),
    "clip-vit-b16-laion": network("clip_vit:ClipVit", "clip-vit-b16-laion", patch=16, quick=False),
    "clip-vit-b32-laion": network("clip_vit:ClipVit", "clip-vit-b32-laion", patch=32, quick=False),
    "siglip-vit-b16": network("siglip:Siglip"),
    "videomae-b16": network("videomae:VideoMAE"),
    "vggish": network("vggish:VGGish"),
}
