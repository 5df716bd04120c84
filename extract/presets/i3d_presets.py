"""Presets of Inception-I3D on RGB and flow."""

from __future__ import annotations

from extract.presets.common_values import (
    CENTER_224,
    OURS,
    SEGMENT_16,
    SHORT_256,
    SIDE_BY_SIDE,
    SIGNED_FLOW,
    SIGNED_UNIT,
)
from extract.presets.preset import Flow, Preset

DEEPMIND = "Carreira & Zisserman, CVPR 2017 (arXiv 1705.07750); deepmind/kinetics-i3d README"
MEDIAPIPE = "MediaPipe media_sequence, which computed the flow of Kinetics: OpenCV DualTVL1 defaults on grey"
RESIZED_FLOW = "deepmind/kinetics-i3d #34: better when flow is computed on resized frames"

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
            "segment_stride": SEGMENT_16 if length == 16 else SIDE_BY_SIDE,
        },
    )


I3D_PRESETS = (
    _i3d("i3d-rgb-16", 16),
    _i3d("i3d-rgb-64", 64),
    _i3d("i3d-flow-16", 16),
    _i3d("i3d-flow-64", 64),
    _i3d("i3d-rgb-16-levels", 16),  # Mixed_3c, Mixed_4f and Mixed_5c, for heads that want several scales
    _i3d("i3d-rgb-64-levels", 64),
)
