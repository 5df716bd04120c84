"""Named protocols: the literal tables of presets, every number with its source."""

from __future__ import annotations

from extract.presets.i3d_presets import I3D_PRESETS
from extract.presets.image_presets import IMAGE_PRESETS
from extract.presets.language_presets import LANGUAGE_PRESETS
from extract.presets.own_presets import OWN_PRESETS
from extract.presets.preset import NUM_CROPS, SCENE_ARRAYS, Crop, Flow, Preset, Resize, Scaling
from extract.presets.region_preset import Regions
from extract.presets.scene_preset import Scene
from extract.presets.sound_presets import SOUND_PRESETS
from extract.presets.video_presets import VIDEO_PRESETS

__all__ = [
    "NUM_CROPS",
    "PRESETS",
    "SCENE_ARRAYS",
    "Crop",
    "Flow",
    "Preset",
    "Regions",
    "Resize",
    "Scaling",
    "Scene",
    "network_of",
]

TABLES = (OWN_PRESETS, I3D_PRESETS, VIDEO_PRESETS, IMAGE_PRESETS, LANGUAGE_PRESETS, SOUND_PRESETS)
PRESETS = {preset.name: preset for table in TABLES for preset in table}


def network_of(preset: Preset) -> str | None:
    """The network whose weights a run takes: of the preset, or of its crops; None without any."""
    if preset.regions is None:
        return preset.backbone
    described = PRESETS.get(preset.regions.crops)
    return None if described is None else described.backbone
