"""Named protocols: the literal table of presets, every number with its source."""

from __future__ import annotations

from extract.presets.preset import NUM_CROPS, SCENE_ARRAYS, Crop, Flow, Preset, Resize, Scaling
from extract.presets.scene_preset import Scene

__all__ = [
    "NUM_CROPS",
    "PRESETS",
    "SCENE_ARRAYS",
    "Crop",
    "Flow",
    "Preset",
    "Resize",
    "Scaling",
    "Scene",
]

# extract.descriptors.motion.Motion.feature_dim, which a test holds equal: its import takes half a second
MOTION_DIM = 69


def _levels(*unit: float) -> tuple[float, ...]:
    return tuple(255 * value for value in unit)  # published on 0..1, ours on 0..255


SHORT_256 = Resize("short_side", 256)
CENTER_224 = Crop("center", 224)
SIGNED_UNIT = Scaling((127.5,) * 3, (127.5,) * 3)  # 2 x / 255 - 1
KINETICS = Scaling((114.75,) * 3, (57.375,) * 3)  # (x / 255 - 0.45) / 0.225
IMAGENET = Scaling(_levels(0.485, 0.456, 0.406), _levels(0.229, 0.224, 0.225))
VIDEO = Scaling(_levels(0.43216, 0.394666, 0.37645), _levels(0.22803, 0.22145, 0.216989))
SIGNED_FLOW = Scaling((127.5,) * 2, (127.5,) * 2)

DEEPMIND = "Carreira & Zisserman, CVPR 2017 (arXiv 1705.07750); deepmind/kinetics-i3d README"
MEDIAPIPE = "MediaPipe media_sequence, which computed the flow of Kinetics: OpenCV DualTVL1 defaults on grey"
RESIZED_FLOW = "deepmind/kinetics-i3d #34: better when flow is computed on resized frames"
SEGMENT_16 = "16 frames per segment: Sultani et al., CVPR 2018, and every weakly supervised benchmark since"
TORCHVISION = "torchvision EfficientNet_B0_Weights.IMAGENET1K_V1.transforms()"
PYTORCHVIDEO = "pytorchvideo model zoo, I3D R50 8x8"
RTFM_AUTHOR = "Tian et al., ICCV 2021; author in tianyu0207/RTFM #21 and #53"
RTFM_DECISION = RTFM_AUTHOR + "; they disagree (256 or 256x256, 0..1 or 0..255), decision: short side, 0..255"
GOWTHAM = "GowthamGottimukkala/I3D_Feature_Extraction_resnet, as it runs"
HARA = "Hara et al., CVPR 2018 (arXiv 1711.09577); kenshohara/video-classification-3d-cnn-pytorch"
VIDEO_ZOO = "torchvision.models.video, transforms of the Kinetics-400 weights"
OURS = "decision of this project"
RECLASS = "aasimwadood/RECLASS, configs/default.yaml"

I3D_RGB = {
    "resize": DEEPMIND,
    "crop": DEEPMIND,
    "scaling": DEEPMIND + ": 2 x / 255 - 1",
    "feature_dim": DEEPMIND + ": Mixed_5c, average pool 2x7x7, mean over time",
    "fps": OURS + ": native; trained at 25",
}
I3D_FLOW = {
    **I3D_RGB,
    "resize": RESIZED_FLOW,
    "flow": MEDIAPIPE,
    "flow.clamp": "Carreira in deepmind/kinetics-i3d #24 and #107",
    "flow.quantiser": "MediaPipe FlowQuantizerModel: truncation, so that no motion is 127",
}

EFFICIENTNET = {
    **dict.fromkeys(("resize", "crop", "scaling"), TORCHVISION),
    "backbone": "Tan & Le, ICML 2019 (arXiv 1905.11946)",
    "feature_dim": "width before the classifier",
}


def _i3d(name: str, length: int) -> Preset:
    flow, levels = "flow" in name, name.endswith("levels")
    return Preset(
        name,
        f"Inception-I3D on {'TV-L1 flow' if flow else 'RGB'}, {length} frames per segment"
        + (", three levels joined" if levels else ""),
        clip_length=length,
        segment_stride=length,
        feature_dim=480 + 832 + 1024 if levels else 1024,
        backbone="i3d-flow" if flow else "i3d-rgb-levels" if levels else "i3d-rgb",
        weights="i3d-flow" if flow else "i3d-rgb",
        modality="flow" if flow else "rgb",
        resize=SHORT_256,
        crop=CENTER_224,
        scaling=SIGNED_FLOW if flow else SIGNED_UNIT,
        flow=Flow() if flow else None,
        sources={
            **(I3D_FLOW if flow else I3D_RGB),
            "clip_length": SEGMENT_16
            if length == 16
            else "64 frames, the length of I3D's training clips: " + DEEPMIND,
        },
    )


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
        | {"frame_stride": OURS, "feature_dim": "width before the classifier"},
    )


PRESETS = {
    preset.name: preset
    for preset in (
        Preset(
            "motion",
            "optical flow statistics without any weights; the default for trials",
            clip_length=16,
            segment_stride=16,
            feature_dim=MOTION_DIM,
            descriptor="motion",
            weights="",
            sources={"clip_length": SEGMENT_16, "feature_dim": OURS + ", extract/descriptors/motion.py"},
        ),
        _i3d("i3d-rgb-16", 16),
        _i3d("i3d-rgb-64", 64),
        _i3d("i3d-flow-16", 16),
        _i3d("i3d-flow-64", 64),
        _i3d("i3d-rgb-16-levels", 16),  # Mixed_3c, Mixed_4f and Mixed_5c, for heads that want several scales
        _i3d("i3d-rgb-64-levels", 64),
        Preset(
            "i3d-r50",
            "pytorchvideo's I3D ResNet-50, 8 frames of 64",
            clip_length=8,
            frame_stride=8,
            segment_stride=64,
            feature_dim=2048,
            backbone="i3d-r50",
            weights="i3d-r50",
            resize=SHORT_256,
            crop=Crop("center", 256),
            scaling=KINETICS,
            sources={
                each: PYTORCHVIDEO for each in ("clip_length", "frame_stride", "resize", "crop", "scaling")
            }
            | {"segment_stride": OURS + ": the 64 frames that a clip spans"},
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
            sources={each: GOWTHAM for each in ("clip_length", "resize", "crop", "tail", "least_frames")}
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
            sources={each: HARA for each in ("clip_length", "resize", "crop", "scaling", "feature_dim")},
        ),
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
        Preset(
            "reclass",
            "clips of pixels and flow with the people in them as a graph, for the head reclass",
            clip_length=16,
            frame_stride=2,
            segment_stride=32,
            feature_dim=0,
            scene=Scene(),
            weights="keypointrcnn",
            fps=25.0,
            resize=Resize("exact", (256, 448)),
            flow=Flow(quantiser="int8"),
            sources={
                "clip_length": RECLASS + ": 32 there; 16 or 32 here",
                "frame_stride": RECLASS,
                "resize": RECLASS,
                "fps": RECLASS,
                "flow": RECLASS + ": TV-L1, cut at 20 pixels",
                "scene": OURS + ", extract/presets/scene_preset.py",
                "segment_stride": OURS + ": clips do not overlap",
            },
        ),
        _video_zoo(
            "r2plus1d_18",
            "R(2+1)D-18 (Tran et al., CVPR 2018)",
            clip=16,
            dim=512,
            resize=Resize("exact", (128, 171)),
            size=112,
            scaling=VIDEO,
        ),
        _video_zoo(
            "s3d",
            "S3D (Xie et al., ECCV 2018)",
            clip=16,
            dim=1024,
            resize=Resize("exact", (256, 256)),
            size=224,
            scaling=VIDEO,
        ),
        _video_zoo(
            "mvit_v2_s",
            "MViTv2-S (Li et al., CVPR 2022)",
            clip=16,
            dim=768,
            resize=SHORT_256,
            size=224,
            scaling=KINETICS,
        ),
        _video_zoo(
            "swin3d_t",
            "Video Swin-T (Liu et al., CVPR 2022)",
            clip=32,
            dim=768,
            resize=SHORT_256,
            size=224,
            scaling=IMAGENET,
        ),
    )
}
