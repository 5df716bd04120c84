"""Presets without a published network: flow statistics, speed maps, and clips of pixels with their people."""

from __future__ import annotations

from extract.presets.common_values import OURS, SEGMENT_16, SIDE_BY_SIDE
from extract.presets.preset import Flow, Preset, Resize
from extract.presets.region_preset import Regions
from extract.presets.scene_preset import Scene

RECLASS = "aasimwadood/RECLASS, configs/default.yaml"

# extract.descriptors.motion.Motion.feature_dim, which a test holds equal: its import takes half a second
MOTION_DIM = 69


OWN_PRESETS = (
    Preset(
        "motion",
        "optical flow statistics without any weights; the default for trials",
        clip_length=16,
        segment_stride=16,
        feature_dim=MOTION_DIM,
        descriptor="motion",
        weights="",
        sources={
            **dict.fromkeys(("clip_length", "segment_stride"), SEGMENT_16),
            "feature_dim": OURS + ", extract/descriptors/motion.py",
        },
    ),
    Preset(
        "speed",
        "how fast each place of the picture moves, for every frame, for the head speed; no weights",
        clip_length=1,
        segment_stride=1,
        feature_dim=0,
        descriptor="speed",
        weights="",
        sources={
            "clip_length": OURS + ": a map per frame, because clips average the moment away",
            "segment_stride": OURS + ": every frame, as frame-level scores are counted",
            "feature_dim": OURS + ": the array `speed` instead, extract/descriptors/speed_map.py",
        },
    ),
    Preset(
        "regions",
        "whatever moves in each frame: box, track, speed and features of its crop, for the head attributes",
        clip_length=1,
        segment_stride=1,
        feature_dim=0,
        regions=Regions(cells=True),
        weights="imagenet",
        resize=Resize("short_side", 240, "bilinear"),
        batch_size=(16, 256),
        sources={
            "clip_length": OURS + ": every frame, because clips average the moment away",
            "segment_stride": OURS + ": regions are followed from frame to frame",
            "resize": OURS + ": flow is computed at twice this size",
            "regions": OURS + ", extract/presets/region_preset.py; the kinds are those of AI-VAD",
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
            "segment_stride": SIDE_BY_SIDE,
        },
    ),
    Preset(
        "reclass-frames",
        "a small clip and a speed map for every frame of a still camera, for the head reclass; no weights",
        clip_length=3,
        frame_stride=2,
        segment_stride=1,
        feature_dim=0,
        scene=Scene(detector="none", persons=1, speed=True),
        weights="",
        resize=Resize("exact", (120, 180)),
        sources={
            "clip_length": OURS + ": as few frames as show that something moves",
            "segment_stride": OURS + ": a score per frame",
            "resize": OURS + ": what two CPU cores train in a quarter of an hour",
            "scene": OURS + ": nobody is looked for; speeds as in the preset speed",
        },
    ),
)
