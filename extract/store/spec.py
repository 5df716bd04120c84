"""Everything that decides the stored numbers, in one comparable record."""

from __future__ import annotations

import dataclasses
import json
from dataclasses import dataclass, field


@dataclass(frozen=True)
class FeatureSpec:
    """What a store's features were made with; two stores with equal specs hold comparable numbers.

    preset: name of the protocol. backbone: name of the network or description.
    weights: digest of the weights; "none:seed0" for random ones, "" where there are none.
    modality: "rgb" or "flow". preprocessing: resize, crop and scaling as named values.
    flow: method, settings and quantiser; None without flow.
    clip_length: frames that the network sees; frame_stride: frames between two of them;
    segment_stride: frames from one segment's start to the next.
    fps: rate that videos are resampled to, None = their own.
    tail: "pad" repeats the last frame to fill the last clip; "drop" leaves a partial clip out.
    crops: name of the crop layout; num_crops: C. feature_dim: D, 0 where there are other arrays only. dtype: "float32" or "float16".
    precision: arithmetic of the network, "fp32", "tf32" or "bf16".
    imported: made elsewhere; then the fields are what its maker says. arrays: further named arrays of each file.
    """

    preset: str
    backbone: str
    weights: str
    modality: str
    clip_length: int
    segment_stride: int
    feature_dim: int
    frame_stride: int = 1
    preprocessing: dict = field(default_factory=dict)
    flow: dict | None = None
    fps: float | None = None
    tail: str = "pad"
    crops: str = "center"
    num_crops: int = 1
    dtype: str = "float32"
    precision: str = "fp32"
    imported: bool = False
    arrays: tuple[str, ...] = ()

    def __post_init__(self):
        object.__setattr__(self, "arrays", tuple(self.arrays))
        positive = ("clip_length", "segment_stride", "frame_stride", "num_crops")
        for name in positive if self.arrays and self.feature_dim == 0 else (*positive, "feature_dim"):
            if not isinstance(getattr(self, name), int) or getattr(self, name) < 1:
                raise ValueError(f"{name} is {getattr(self, name)!r}, expected a whole number above 0")
        for name, known in (("tail", ("pad", "drop")), ("dtype", ("float32", "float16"))):
            if getattr(self, name) not in known:
                raise ValueError(f"{name} is {getattr(self, name)!r}, expected {' or '.join(known)}")

    def to_json(self) -> str:
        return json.dumps(dataclasses.asdict(self), sort_keys=True)

    @classmethod
    def from_json(cls, text: str) -> FeatureSpec:
        """Raises ValueError for text that is no spec, or one with fields that this version does not know."""
        values = json.loads(text)
        if not isinstance(values, dict):
            raise ValueError("the spec is not a JSON object")
        known = {each.name for each in dataclasses.fields(cls)}
        if unknown := sorted(set(values) - known):
            raise ValueError(
                f"the spec has unknown fields: {', '.join(unknown)} (written by a newer version?)"
            )
        try:
            return cls(**values)
        except TypeError as error:
            raise ValueError(f"the spec is incomplete: {error}") from None

    def differences(self, other: FeatureSpec) -> list[str]:
        """One line a field in which self is not as other expects; empty when the two are equal."""
        mine, theirs = (_flat(json.loads(spec.to_json())) for spec in (self, other))
        return [
            f"{name} is {mine.get(name)!r}, expected {theirs.get(name)!r}"
            for name in sorted(set(mine) | set(theirs))
            if mine.get(name) != theirs.get(name)
        ]


def _flat(values: dict, prefix: str = "") -> dict:
    flat = {}
    for name, value in values.items():
        if isinstance(value, dict) and value:
            flat.update(_flat(value, f"{prefix}{name}."))
        else:
            flat[prefix + name] = value
    return flat
