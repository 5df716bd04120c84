"""The settings of the head attributes."""

from __future__ import annotations

from typing import Literal

from score.settings import Count, NotNegative, settings

# The attributes of a region, in the order of their sum, and that of a frame.
NAMES = ("speed", "steps", "crop", "pose", "cells")


@settings
class AttributesConfig:
    """What of a region counts, and what it is compared with."""

    # Weights in the sum of the attributes: the speed, the motion to and fro, what the crop looks like, the
    # pose; 0 leaves it out.
    speed_weight: NotNegative = 1.0
    steps_weight: NotNegative = 1.0
    crop_weight: NotNegative = 1.0
    pose_weight: NotNegative = 1.0
    # Whether speed and steps, which measure the same motion, count by their sum or by the higher one, which
    # then has the weight of both. The preset takes the higher; checkpoints of before, the sum.
    motion: Literal["sum", "higher"] = "sum"
    # Weight of the fastest cells of the frame, which are added to its highest region.
    cells_weight: NotNegative = 1.0
    # A straight line through the scales of the rows of cells, as flat ground has it before one camera.
    cells_line: bool = True
    # The mean along a track runs this far back and ahead, in tenths of a second; in frames where the store
    # states no times.
    reach: Count = 8
    # Percentile of normal values at a height of the picture that counts as 1, and how far a place reaches, in
    # heights of the picture.
    percentile: float = 90.0
    place_width: float = 0.04
    # Directions in which crops are compared, those in which normal crops differ most.
    crop_width: Count = 256
    # Whose normal crops and poses a normal video is compared with: those of other groups of the list (its
    # cameras), or of all other videos, where later videos come from the same cameras.
    apart: Literal["groups", "videos"] = "groups"
    # Normal crops that are kept.
    gallery: Count = 8192
    # Standard deviation of a Gaussian along time, in tenths of a second or frames as well; 0 = none.
    smoothing: NotNegative = 5.0
    # Rows of pixels of an anomaly map.
    map_rows: Count = 120

    def __post_init__(self):
        if not 0 < self.percentile <= 100:
            raise ValueError(f"percentile is {self.percentile:g}, expected above 0 and at most 100")
        if not 0 < self.place_width <= 10:
            raise ValueError(f"place_width is {self.place_width:g}, expected above 0 and at most 10")
        if not any(getattr(self, f"{name}_weight") for name in NAMES):
            raise ValueError("all weights of attributes are 0, expected at least one above 0")
