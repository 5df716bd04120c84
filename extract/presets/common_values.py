"""Sizes, scalings and sources that several presets share."""

from __future__ import annotations

from extract.presets.preset import Crop, Resize, Scaling


def _levels(*unit: float) -> tuple[float, ...]:
    return tuple(255 * value for value in unit)  # published on 0..1, ours on 0..255


SHORT_256 = Resize("short_side", 256)
CENTER_224 = Crop("center", 224)
SIGNED_UNIT = Scaling((127.5,) * 3, (127.5,) * 3)  # 2 x / 255 - 1
KINETICS = Scaling((114.75,) * 3, (57.375,) * 3)  # (x / 255 - 0.45) / 0.225
IMAGENET = Scaling(_levels(0.485, 0.456, 0.406), _levels(0.229, 0.224, 0.225))
VIDEO = Scaling(_levels(0.43216, 0.394666, 0.37645), _levels(0.22803, 0.22145, 0.216989))
SIGNED_FLOW = Scaling((127.5,) * 2, (127.5,) * 2)

SEGMENT_16 = "16 frames per segment: Sultani et al., CVPR 2018, and every weakly supervised benchmark since"
OURS = "decision of this project"
SIDE_BY_SIDE = OURS + ": clips do not overlap"
