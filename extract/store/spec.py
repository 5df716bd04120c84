"""Everything that decides the stored numbers, in one comparable record."""

from __future__ import annotations

import dataclasses
import json
import math
import re
from dataclasses import dataclass, field
from functools import cached_property
from types import NoneType
from typing import Any

# Highest values that a spec may state; what real presets use is far below.
LARGEST = {
    "clip_length": 10**6,
    "segment_stride": 10**6,
    "frame_stride": 10**6,
    "clip_start": 10**6,
    "num_crops": 1000,
    "feature_dim": 10**6,
}
# Of the clock between two starts: the tie of decoders' times, and a day.
SHORTEST_SECONDS, LONGEST_SECONDS = 0.002, 86_400.0
ARRAY_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,63}")
MOST_ARRAYS = 32
# Fields that came later; at their default they are not written, so that specs stay as they were.
LATER = ("clip_start", "segment_seconds")
RESERVED = ("features", "frame_span", "time_span")
# The JSON values of a field, by its annotation.
JSON_TYPES: dict[str, tuple[type, ...]] = {
    "str": (str,),
    "int": (int,),
    "bool": (bool,),
    "dict": (dict,),
    "dict | None": (dict, NoneType),
    "float | None": (float, int, NoneType),
    "tuple[str, ...]": (list,),
}

IMPORTED = "imported"  # preset of features that were computed elsewhere


@dataclass(frozen=True)
class FeatureSpec:
    """How the features of a store are computed; stores with equal specs hold comparable numbers.

    Raises ValueError for values out of range.
    """

    # Name of the protocol.
    preset: str
    # Name of the network or descriptor.
    backbone: str
    # Digest of the weights; "none:seed0" for random ones, "" if there are none.
    weights: str
    # "rgb" or "flow".
    modality: str
    # Frames that the network sees.
    clip_length: int
    # Frames from the start of one segment to the start of the next.
    segment_stride: int
    # D; 0 if the store holds only other arrays.
    feature_dim: int
    # Frames from one frame of a clip to the next.
    frame_stride: int = 1
    # Frames from the start of a segment to the first frame of its clip.
    clip_start: int = 0
    # Seconds of the video's clock from the start of one segment to that of the next; segment_stride has no
    # effect then. None = by segment_stride.
    segment_seconds: float | None = None
    # Resize, crop and scaling as named values.
    preprocessing: dict = field(default_factory=dict)
    # Method, settings and quantiser of optical flow; None without flow.
    flow: dict | None = None
    # Rate that videos are resampled to, in frames per second; None = their own.
    fps: float | None = None
    # "pad" repeats the last frame to fill the last clip; "drop" leaves a partial clip out.
    tail: str = "pad"
    # Name of the crop layout, and the number of its crops, C.
    crops: str = "center"
    num_crops: int = 1
    # Type of the stored features: "float32" or "float16".
    dtype: str = "float32"
    # Arithmetic of the network: "fp32", "tf32" or "bf16".
    precision: str = "fp32"
    # Computed elsewhere; the other fields are then what their source states.
    imported: bool = False
    # Names of the additional arrays of each file.
    arrays: tuple[str, ...] = ()

    def __post_init__(self):
        object.__setattr__(self, "arrays", tuple(self.arrays))  # JSON gives a list
        positive = ("clip_length", "segment_stride", "frame_stride", "num_crops")
        for name in positive if self.arrays and self.feature_dim == 0 else (*positive, "feature_dim"):
            if not isinstance(getattr(self, name), int) or getattr(self, name) < 1:
                raise ValueError(f"{name} is {getattr(self, name)!r}, expected a whole number above 0")
        if not isinstance(self.clip_start, int) or self.clip_start < 0:
            raise ValueError(f"clip_start is {self.clip_start!r}, expected 0 or more frames")
        for name, largest in LARGEST.items():
            if getattr(self, name) > largest:
                raise ValueError(f"{name} is {getattr(self, name)}, expected at most {largest}")
        self._check_segments()
        for name, known in (("tail", ("pad", "drop")), ("dtype", ("float32", "float16"))):
            if getattr(self, name) not in known:
                raise ValueError(f"{name} is {getattr(self, name)!r}, expected {' or '.join(known)}")
        if self.fps is not None and not (math.isfinite(self.fps) and self.fps > 0):
            raise ValueError(f"fps is {self.fps!r}, expected a rate above 0")
        # Names of arrays become names of data sets and of files.
        if len(set(self.arrays)) < len(self.arrays) or len(self.arrays) > MOST_ARRAYS:
            raise ValueError(
                f"arrays has {len(self.arrays)} names, expected up to {MOST_ARRAYS} different ones"
            )
        for name in self.arrays:
            if not isinstance(name, str) or not ARRAY_NAME.fullmatch(name) or name in RESERVED:
                raise ValueError(f"{name!r} is no name of an array, expected a word like node_mask")

    def _check_segments(self) -> None:
        seconds = self.segment_seconds
        if seconds is not None and not SHORTEST_SECONDS <= seconds <= LONGEST_SECONDS:
            raise ValueError(
                f"segment_seconds is {seconds!r}, expected {SHORTEST_SECONDS:g} to {LONGEST_SECONDS:g}"
            )
        reach = self.clip_start + (self.clip_length - 1) * self.frame_stride
        stride = self.segment_stride if seconds is None else 0
        if self.clip_start and reach >= max(self.clip_length * self.frame_stride, stride):
            raise ValueError(
                f"clip_start is {self.clip_start}: a clip of {self.clip_length} frames, one in "
                f"{self.frame_stride}, would leave its segment"
            )

    def to_json(self) -> str:
        return self._json

    @cached_property
    def _json(self) -> str:
        # Kept, because every file of a store is compared with it.
        values = dataclasses.asdict(self)
        for each in dataclasses.fields(self):
            if each.name in LATER and values[each.name] == each.default:
                del values[each.name]
        return json.dumps(values, sort_keys=True)

    @classmethod
    def from_json(cls, text: str) -> FeatureSpec:
        """Raises ValueError for text that is not a spec, and for fields that this version does not know."""
        try:
            values = json.loads(text, parse_constant=_refuse_constant)
        except RecursionError:
            raise ValueError("the spec is nested too deeply") from None
        if not isinstance(values, dict):
            raise ValueError("the spec is not a JSON object")
        known = {each.name for each in dataclasses.fields(cls)}
        if unknown := sorted(set(values) - known):
            raise ValueError(
                f"the spec has unknown fields: {', '.join(unknown)} (written by a newer version?)"
            )
        for each in dataclasses.fields(cls):
            if each.name in values and type(values[each.name]) not in JSON_TYPES[str(each.type)]:
                raise ValueError(f"{each.name} is {values[each.name]!r:.60}, expected {each.type}")
        values = with_present_preset(values)
        try:
            return cls(**values)
        except TypeError as error:
            raise ValueError(f"the spec is incomplete: {error}") from None

    def differences(self, other: FeatureSpec) -> list[str]:
        """One line per field that differs from the expected `other`; empty for equal specs."""
        later = {each.name: each.default for each in dataclasses.fields(self) if each.name in LATER}
        mine, theirs = (_flat(later | json.loads(spec.to_json())) for spec in (self, other))
        return [
            f"{name} is {mine.get(name)!r}, expected {theirs.get(name)!r}"
            for name in sorted(set(mine) | set(theirs))
            if mine.get(name) != theirs.get(name)
        ]


def _refuse_constant(name: str) -> Any:
    raise ValueError(f"the spec holds {name}")


def with_present_preset(values: dict) -> dict:
    """The fields of a spec; earlier versions added the kind of file to the preset of imported features.

    So the same numbers were two presets.
    """
    earlier = values.get("imported") and str(values.get("preset")).startswith(f"{IMPORTED}-")
    return values | {"preset": IMPORTED} if earlier else values


def _flat(values: dict, prefix: str = "") -> dict:
    flat = {}
    for name, value in values.items():
        if isinstance(value, dict) and value:
            flat.update(_flat(value, f"{prefix}{name}."))
        else:
            flat[prefix + name] = value
    return flat
