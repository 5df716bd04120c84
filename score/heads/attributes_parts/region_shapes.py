"""Whether the arrays of a store are those of regions, before anything is computed of them."""

from __future__ import annotations

from collections.abc import Mapping

from score.heads.attributes_parts.attributes_config import AttributesConfig
from score.heads.attributes_parts.exemplars import JOINTS

# What a store has, "?" if some have not.
ARRAYS = (
    "region_box",
    "region_track",
    "region_speed",
    "region_second?",
    "region_pose?",
    "crop_slot?",
    "crop_feature?",
    "speed?",
)
# Attributes that are speeds of a region: that of its fastest part, and the length of steps to and fro, which
# older stores lack.
SPEEDS = {"speed": 2, "steps": 3}


def check_shapes(shapes: Mapping[str, tuple[int, ...]]) -> None:
    """Raises ValueError for arrays whose rows have other shapes than those of the preset regions."""
    regions = shapes["region_track"][:1]
    crops = shapes.get("crop_slot", ())[:1]
    expected = {
        "region_track": regions or (1,),
        "region_box": (*regions, 4),
        "region_pose": (*regions, JOINTS, 3),
        "crop_slot": crops or (1,),
        "region_second": (1,),
    }
    for name, shape in expected.items():
        if name in shapes and tuple(shapes[name]) != shape:
            raise ValueError(_message(name, shapes[name], f"{shape}"))
    speed = tuple(shapes["region_speed"])
    if speed[:-1] != regions or speed[-1] <= SPEEDS["speed"]:
        raise ValueError(
            _message("region_speed", speed, f"{regions[0]} rows of {SPEEDS['speed'] + 1} or more speeds")
        )
    if len(cells := tuple(shapes.get("speed", (1, 1)))) != 2:
        raise ValueError(_message("speed", cells, "rows and columns of cells"))
    if ("crop_feature" in shapes) != ("crop_slot" in shapes):
        raise ValueError("crop_slot and crop_feature belong together, but the store has only one of them")
    feature = tuple(shapes.get("crop_feature", ()))
    if feature and (len(feature) != 2 or feature[:1] != crops):
        raise ValueError(_message("crop_feature", feature, f"{crops[0]} rows of features"))


def speed_columns(config: AttributesConfig, shapes: Mapping[str, tuple[int, ...]]) -> dict[str, int]:
    """The attributes of SPEEDS that weigh something and that the store has, with their places."""
    count = shapes["region_speed"][-1]
    return {
        name: column
        for name, column in SPEEDS.items()
        if getattr(config, f"{name}_weight") and column < count
    }


def _message(name: str, found: tuple[int, ...], expected: str) -> str:
    return f"{name} has the shape {tuple(found)} a frame, expected {expected}, as the preset regions makes it"
