"""Presets of other networks of clips: 3D ResNets, ResNeXt, torchvision's."""

from __future__ import annotations

from extract.presets.common_values import (
    IMAGENET,
    KINETICS,
    OURS,
    SHORT_256,
    SIDE_BY_SIDE,
    SIGNED_UNIT,
    VIDEO,
)
from extract.presets.preset import Crop, Preset, Resize, Scaling

PYTORCHVIDEO = "pytorchvideo model zoo, I3D R50 8x8"
RTFM_AUTHOR = "Tian et al., ICCV 2021; author in tianyu0207/RTFM #21 and #53"
RTFM_DECISION = RTFM_AUTHOR + "; they disagree (256 or 256x256, 0..1 or 0..255), decision: short side, 0..255"
GOWTHAM_FIELDS = ("clip_length", "segment_stride", "resize", "crop", "tail", "least_frames")
GOWTHAM = "GowthamGottimukkala/I3D_Feature_Extraction_resnet, as it runs"
HARA = "Hara et al., CVPR 2018 (arXiv 1711.09577); kenshohara/video-classification-3d-cnn-pytorch"
VIDEO_ZOO = "torchvision.models.video, transforms of the Kinetics-400 weights"
PLAIN = "bilinear-plain"  # those transforms fix antialias=False


def _video_zoo(
    name: str, summary: str, *, clip: int, dim: int, resize: Resize, size: int, scaling: Scaling
) -> Preset:
    return Preset(
        name,
        summary,
        clip_length=clip,
        segment_stride=clip,
        feature_dim=dim,
        backbone=name,
        weights="kinetics",
        resize=resize,
        crop=Crop("center", size),
        scaling=scaling,
        batch_size=(2, 32),
        sources={each: VIDEO_ZOO for each in ("clip_length", "resize", "crop", "scaling")}
        | {
            "frame_stride": OURS,
            "segment_stride": SIDE_BY_SIDE,
            "feature_dim": "width before the classifier",
        },
    )


VIDEO_PRESETS = (
    Preset(
        "i3d-r50",
        "pytorchvideo's I3D ResNet-50, 8 frames of 64",
        clip_length=8,
        frame_stride=8,
        segment_stride=64,
        feature_dim=2048,
        backbone="i3d-r50",
        weights="i3d-r50",
        sampling="linspace",
        resize=Resize("short_side", 256, "bilinear-float"),
        crop=Crop("center", 256),
        scaling=KINETICS,
        sources={each: PYTORCHVIDEO for each in ("clip_length", "frame_stride", "resize", "crop", "scaling")}
        | {
            "sampling": PYTORCHVIDEO + ": UniformTemporalSubsample(8)",
            "segment_stride": OURS + ": the 64 frames that a clip spans",
        },
    ),
    Preset(
        "rtfm",
        "the features of RTFM as its author describes them",
        clip_length=16,
        segment_stride=16,
        feature_dim=2048,
        backbone="i3d-r50-caffe2",
        weights="i3d-r50-caffe2",
        resize=SHORT_256,
        crop=Crop("ten-torchvision", 224),
        scaling=KINETICS,
        batch_size=(2, 60),
        sources={
            "resize": RTFM_DECISION,
            "scaling": RTFM_DECISION,
            "crop": RTFM_AUTHOR,
            "clip_length": RTFM_AUTHOR,
            "segment_stride": RTFM_AUTHOR,
            "tail": RTFM_AUTHOR + ": last frame repeated",
        },
    ),
    Preset(
        "rtfm-gowtham",
        "the features that most people call RTFM's, bug for bug",
        clip_length=16,
        segment_stride=16,
        feature_dim=2048,
        backbone="i3d-r50-caffe2",
        weights="i3d-r50-caffe2",
        resize=Resize("exact", (256, 340), "lanczos"),
        crop=Crop("ten-gowtham", 224),
        scaling=SIGNED_UNIT,
        tail="drop",
        least_frames=17,
        batch_size=(2, 60),
        sources={each: GOWTHAM for each in GOWTHAM_FIELDS}
        | {"scaling": GOWTHAM + "; the network was trained with (x - 114.75) / 57.375"},
    ),
    Preset(
        "resnext101",
        "3D ResNeXt-101 on 112 pixels",
        clip_length=16,
        segment_stride=16,
        feature_dim=2048,
        backbone="resnext101",
        weights="resnext101-kinetics",
        resize=Resize("short_side", 112),
        crop=Crop("center", 112),
        scaling=Scaling((114.7748, 107.7354, 99.4750), (1.0,) * 3),
        batch_size=(8, 128),
        sources={each: HARA for each in ("clip_length", "resize", "crop", "scaling", "feature_dim")}
        | {"segment_stride": HARA + ": clips of 16 frames side by side"},
    ),
    _video_zoo(
        "r2plus1d_18",
        "R(2+1)D-18 (Tran et al., CVPR 2018)",
        clip=16,
        dim=512,
        resize=Resize("exact", (128, 171), PLAIN),
        size=112,
        scaling=VIDEO,
    ),
    _video_zoo(
        "s3d",
        "S3D (Xie et al., ECCV 2018)",
        clip=16,
        dim=1024,
        resize=Resize("exact", (256, 256), PLAIN),
        size=224,
        scaling=VIDEO,
    ),
    _video_zoo(
        "mvit_v2_s",
        "MViTv2-S (Li et al., CVPR 2022)",
        clip=16,
        dim=768,
        resize=Resize("short_side", 256, PLAIN),
        size=224,
        scaling=KINETICS,
    ),
    _video_zoo(
        "swin3d_t",
        "Video Swin-T (Liu et al., CVPR 2022)",
        clip=32,
        dim=768,
        resize=Resize("short_side", 256, PLAIN),
        size=224,
        scaling=IMAGENET,
    ),
)
