"""Presets of networks that were trained with language, on single frames, and of VideoMAE."""

from __future__ import annotations

from extract.presets.common_values import CENTER_224, IMAGENET, OURS, SEGMENT_16, SIGNED_UNIT
from extract.presets.preset import Crop, Preset, Resize, Scaling

OPENAI = "Radford et al., ICML 2021 (arXiv 2103.00020); openai/CLIP clip.load"
CLIP_SCALING = Scaling(
    tuple(255 * each for each in (0.48145466, 0.4578275, 0.40821073)),
    tuple(255 * each for each in (0.26862954, 0.26130258, 0.27577711)),
)
CLIP = {
    **dict.fromkeys(("resize", "crop"), OPENAI + ": short side bicubic as in PIL, centre crop"),
    "scaling": OPENAI + ": its mean and std",
    "feature_dim": OPENAI + ": encode_image, projected and not normalised",
    "segment_stride": SEGMENT_16,
}
FIRST_FRAME = {
    "clip_length": "a network of single frames",
    "clip_start": OURS + ": the first frame of a segment; --set clip_start=8 takes the middle one",
}
VADCLIP = "Wu et al., AAAI 2024; nwpu-zxr/VadCLIP src/crop.py, its order confirmed in #2"
SIGLIP = "OpenCLIP's ViT-B-16-SigLIP (webli): squashed to 224 x 224, bicubic, mean and std 0.5"
MCG_NJU = "MCG-NJU/VideoMAE, validation on Kinetics-400"
VIDEOMAE_RESIZE = (
    MCG_NJU + ": cv2.resize of arrays; transformers antialiases, which --set resize.filter=bilinear does too"
)


def _clip(
    name: str,
    summary: str,
    *,
    backbone: str = "clip-vit-b16",
    weights: str = "openai",
    length: int = 1,
    stride: int = 16,
) -> Preset:
    own = FIRST_FRAME
    if length > 1:
        own = {"clip_length": OURS + ": the mean over the frames that I3D sees"}
    if stride == 1:
        every_frame = "Zanella et al., AnomalyCLIP, CVIU 2024: every frame"
        own = {"clip_length": every_frame, "segment_stride": every_frame}
    return Preset(
        name,
        summary,
        clip_length=length,
        segment_stride=stride,
        feature_dim=512,
        backbone=backbone,
        weights=weights,
        resize=Resize("short_side", 224, "bicubic"),
        crop=CENTER_224,
        scaling=CLIP_SCALING,
        batch_size=(2, 32) if length > 1 else (4, 256),
        sources={**CLIP, **own},
    )


LANGUAGE_PRESETS = (
    _clip("clip-vit-b16", "CLIP ViT-B/16, the first frame of 16"),
    _clip("clip-vit-b16-mean", "CLIP ViT-B/16, mean of a segment's 16 frames", length=16),
    _clip("clip-vit-b16-frames", "CLIP ViT-B/16 on every frame", stride=1),
    Preset(
        "clip-vit-b16-vadclip",
        "the features of VadCLIP: CLIP ViT-B/16, ten crops, mean of 16 frames",
        clip_length=16,
        segment_stride=16,
        feature_dim=512,
        backbone="clip-vit-b16",
        weights="openai",
        resize=Resize("exact", (256, 340), "bilinear-cv2"),
        crop=Crop("ten-vadclip", 224),
        scaling=CLIP_SCALING,
        tail="drop",
        batch_size=(2, 40),
        sources={
            **CLIP,
            "resize": VADCLIP + ": cv2.resize to 340 x 256",
            "crop": VADCLIP + ": centre, corners, then each mirrored",
            "clip_length": "nwpu-zxr/VadCLIP #14 and #17: mean of 16 frames. Others say one frame of 16 "
            "(#6, #29), the author does not: --set clip_length=1",
            "tail": "counted: floor(frames / 16) rows in 147 of its 150 normal test videos of UCF-Crime",
        },
    ),
    _clip("clip-vit-b32", "CLIP ViT-B/32, the first frame of 16", backbone="clip-vit-b32"),
    _clip(
        "clip-vit-b16-laion",
        "OpenCLIP's ViT-B/16 trained on LAION-400M, the first frame of 16",
        backbone="clip-vit-b16-laion",
        weights="laion400m",
    ),
    _clip(
        "clip-vit-b32-laion",
        "OpenCLIP's ViT-B/32 trained on LAION-2B, the first frame of 16",
        backbone="clip-vit-b32-laion",
        weights="laion2b",
    ),
    Preset(
        "siglip-vit-b16",
        "SigLIP ViT-B/16, the first frame of 16",
        clip_length=1,
        segment_stride=16,
        feature_dim=768,
        backbone="siglip-vit-b16",
        weights="webli",
        resize=Resize("exact", (224, 224), "bicubic"),
        crop=CENTER_224,
        scaling=SIGNED_UNIT,
        batch_size=(4, 256),
        sources={
            **dict.fromkeys(("resize", "crop", "scaling"), SIGLIP),
            "feature_dim": SIGLIP + ", its attention pool, not normalised",
            "segment_stride": SEGMENT_16,
            **FIRST_FRAME,
        },
    ),
    Preset(
        "videomae-b16",
        "VideoMAE ViT-B, 16 frames of 64",
        clip_length=16,
        frame_stride=4,
        segment_stride=64,
        feature_dim=768,
        backbone="videomae-b16",
        weights="kinetics",
        resize=Resize("short_side", 224, "bilinear-cv2"),
        crop=CENTER_224,
        scaling=IMAGENET,
        batch_size=(1, 32),
        sources={
            "resize": VIDEOMAE_RESIZE,
            **dict.fromkeys(("crop", "scaling"), MCG_NJU),
            **dict.fromkeys(("clip_length", "frame_stride"), MCG_NJU + ": 16 frames, one in 4"),
            "segment_stride": OURS + ": the 64 frames that a clip spans",
            "feature_dim": "the mean of all patches, normalised: what its classifier sees",
        },
    ),
)
