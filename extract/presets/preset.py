"""One protocol: network and preprocessing together, to and from the spec that a store records."""

from __future__ import annotations

import dataclasses
import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, TypeVar

from pydantic import TypeAdapter, ValidationError

from extract.presets.preset_parts import NUM_CROPS, Crop, Flow, Resize, Scaling
from extract.presets.region_preset import Regions
from extract.presets.scene_preset import Scene
from extract.runtime.foreign.printable import printable
from extract.segments import SAMPLINGS
from extract.sound.sound_settings import Sound
from extract.store.spec import FeatureSpec

SCENE_ARRAYS = (
    "rgb",
    "flow",
    "nodes",
    "node_mask",
    "adjacency",
    "track_id",
    "clip_frame",
    "frame_mask",
    "speed",
)
REGION_ARRAYS = ("region_box", "region_track", "region_speed", "region_second")
CROP_ARRAYS = ("crop_slot", "crop_feature")
# Descriptor -> the array that it makes instead of features.
DESCRIPTOR_ARRAYS = {"speed": "speed"}
Part = TypeVar("Part")
# Fields that preset and spec share by name and value.
SHARED = (
    "clip_length",
    "frame_stride",
    "clip_start",
    "segment_stride",
    "segment_seconds",
    "fps",
    "tail",
    "dtype",
)


@dataclass(frozen=True)
class Preset:
    """One protocol. One of backbone, descriptor, scene and regions is set: it makes the rows of the store.

    With `sound`, the backbone sees the sound and not the picture.
    """

    name: str
    # one line for vad-extract presets
    summary: str
    # frames per clip
    clip_length: int
    # frames from the start of one segment to the start of the next
    segment_stride: int
    # D; 0 if a file holds only other arrays
    feature_dim: int
    # frames from one frame of a clip to the next
    frame_stride: int = 1
    # seconds of the video's clock from one start to the next; segment_stride has no effect then
    segment_seconds: float | None = None
    # frames from the start of a segment to the first frame of its clip: 0, or 8 for the middle one of 16
    clip_start: int = 0
    # which frames of a clip's span: stride takes every frame_stride-th, linspace its first, its last and
    # what lies evenly between
    sampling: str = "stride"
    # a network on the device: a key of extract.backbones.BACKBONES
    backbone: str | None = None
    # statistics that decode workers compute on the CPU: a key of extract.descriptors.DESCRIPTORS
    descriptor: str | None = None
    # a known name, a file, or none for random weights; "" if there are none
    weights: str = "none"
    # rgb, flow or audio
    modality: str = "rgb"
    resize: Resize | None = None
    crop: Crop | None = None
    scaling: Scaling | None = None
    flow: Flow | None = None
    # log-mel patches of the sound (extract/sound)
    sound: Sound | None = None
    # clips of pixels with the people in them (extract/scene)
    scene: Scene | None = None
    # boxes, tracks, speeds and crops of whatever is in a frame (extract/regions)
    regions: Regions | None = None
    # frames per second that videos are resampled to; None keeps their own rate
    fps: float | None = None
    # pad repeats the last of every keep_every-th frame to fill the last clip, drop leaves a partial clip out
    tail: str = "pad"
    # shorter videos fail
    least_frames: int = 1
    # type of the stored features: float32 or float16
    dtype: str = "float32"
    # network inputs per forward pass of a new store, on a CPU and on a GPU
    batch_size: tuple[int, int] = (2, 64)
    # field -> where its number comes from
    sources: dict[str, str] = field(default_factory=dict)

    def __post_init__(self):
        if self.sampling not in SAMPLINGS:
            raise ValueError(f"sampling is {self.sampling!r}, expected {' or '.join(SAMPLINGS)}")
        if self.sampling == "linspace" and self.clip_start:
            raise ValueError(f"clip_start is {self.clip_start}, expected 0: linspace begins with the segment")
        flow_of_clips = self.flow is not None and self.scene is not None and self.frame_stride > 1
        if flow_of_clips and self.segment_seconds is not None:
            raise ValueError(
                f"segment_seconds is {self.segment_seconds}, expected none: flow lies between every "
                f"{self.frame_stride} frames, so segments start at multiples of {self.frame_stride} frames"
            )
        if self.scene is not None and self.scene.speed and self.clip_length < 2:
            raise ValueError(
                f"clip_length is {self.clip_length}, expected at least 2 with scene.speed, which looks at "
                "the frame after"
            )
        whole_levels = self.flow is not None or self.scene is not None
        if whole_levels and self.resize is not None and self.resize.filter == "bilinear-float":
            raise ValueError("resize.filter is 'bilinear-float', expected one that rounds, as flow needs")
        if self.flow is not None and (self.flow.quantiser == "int8") != (self.scene is not None):
            expected = "int8" if self.scene is not None else "mediapipe, round or none"
            raise ValueError(f"flow.quantiser is {self.flow.quantiser!r}, expected {expected} in this preset")
        of_frames = (self.frame_stride - 1, self.clip_start, self.resize, self.crop, self.scaling, self.flow)
        if self.sound is not None and any(of_frames):
            raise ValueError(
                "a preset of the sound sees no frames: it has no frame_stride, clip_start, resize, crop, "
                "scaling or flow"
            )

    @property
    def kind(self) -> Literal["network", "sound", "descriptor", "scene", "regions"]:
        """What makes the rows of a store."""
        if self.regions is not None:
            return "regions"
        if self.scene is not None:
            return "scene"
        if self.sound is not None:
            return "sound"
        return "network" if self.backbone is not None else "descriptor"

    @property
    def keep_every(self) -> int:
        """Only every k-th sampled frame is needed: those of the clips, or for flow and sound all of them.

        A scene's flow runs between the frames of its clips, so it needs no others.
        """
        of_frames = self.flow is not None and self.scene is None
        any_frame = self.sampling == "linspace" or self.segment_seconds is not None
        if of_frames or any_frame or self.sound is not None or self.descriptor is not None:
            return 1
        if self.regions is not None:
            return 1
        # a partial segment is recognised by all of its frames
        alone = self.clip_length == 1 and self.frame_stride <= self.segment_stride and self.tail == "pad"
        return math.gcd(0 if alone else self.frame_stride, self.segment_stride, self.clip_start)

    @property
    def keeps_starts(self) -> bool:
        """Only the frames at which segments start are needed: single frames, by the clock."""
        alone = self.clip_length == 1 and self.frame_stride == 1 and not self.clip_start
        of_pictures = self.backbone is not None and self.flow is None and self.sound is None
        return self.segment_seconds is not None and alone and of_pictures and self.tail == "pad"

    @property
    def map_name(self) -> str | None:
        """The array that its descriptor makes; None for one that makes features, and without one."""
        return DESCRIPTOR_ARRAYS.get(self.descriptor or "")

    @property
    def num_crops(self) -> int:
        return 1 if self.crop is None else NUM_CROPS[self.crop.layout]

    def spec(self, *, weights: str = "", precision: str = "fp32") -> FeatureSpec:
        """What a store filled with this preset records. weights: their digest."""
        parts = {"resize": self.resize, "crop": self.crop, "scaling": self.scaling, "sound": self.sound}
        preprocessing: dict = {
            name: dataclasses.asdict(part) for name, part in parts.items() if part is not None
        }
        if self.sampling != "stride":
            preprocessing["sampling"] = self.sampling
        backbone = self.backbone or self.descriptor or ""
        arrays: tuple[str, ...] = () if self.map_name is None else (self.map_name,)
        if self.scene is not None:
            preprocessing["scene"] = self.scene.record()
            backbone = self.scene.detector
            wanted = {"flow": self.flow is not None, "speed": self.scene.speed}
            arrays = tuple(name for name in SCENE_ARRAYS if wanted.get(name, True))
        if self.regions is not None:
            preprocessing["regions"] = self.regions.record()
            backbone = self.regions.crops
            arrays = region_arrays(self.regions)
        return FeatureSpec(
            preset=self.name,
            backbone=backbone,
            weights=weights,
            modality=self.modality,
            feature_dim=self.feature_dim,
            preprocessing={name: _listed(part) for name, part in preprocessing.items()},
            flow=None if self.flow is None else self.flow.record(),
            crops="center" if self.crop is None else self.crop.layout,
            num_crops=self.num_crops,
            precision=precision,
            arrays=arrays,
            **{name: getattr(self, name) for name in SHARED},
        )

    @classmethod
    def from_spec(cls, spec: FeatureSpec, presets: Mapping[str, Preset]) -> Preset:
        """The inverse of spec(): the preset of that name, changed so that it makes this very spec.

        Nothing that the spec names is opened: weights of a flow network stay a digest (Flow.lacks_weights).
        Raises ValueError, with the reason, if no preset does: imported features, a preset of another
        version, settings that this version cannot restore or that are out of all proportion.
        """
        if spec.imported:
            raise ValueError(f"imported features ({spec.preset}) belong to no preset")
        if spec.preset not in presets:
            raise ValueError(f"unknown preset {spec.preset!r}; known presets: {', '.join(presets)}")
        try:
            preset = dataclasses.replace(presets[spec.preset], **cls._fields(spec))
            check_proportions(preset)
            restored = preset.spec(weights=spec.weights, precision=spec.precision)
        except ValidationError as error:
            first = error.errors(include_url=False)[0]
            place = ".".join(str(part) for part in first["loc"])
            raise ValueError(f"{error.title}.{place} is wrong: {first['msg']}") from None
        except (TypeError, KeyError, AttributeError) as error:
            raise ValueError(str(error)) from None
        if differences := restored.differences(spec):
            raise ValueError("; ".join(differences))
        return preset

    @staticmethod
    def _fields(spec: FeatureSpec) -> dict:
        """Fields of a preset that a spec decides."""
        fields = {name: getattr(spec, name) for name in SHARED}
        for name, kind in PARTS.items():
            if (values := spec.preprocessing.get(name)) is not None:
                values = _checked(kind, values)
            fields[name] = values
        fields["sampling"] = spec.preprocessing.get("sampling", "stride")
        fields["flow"] = flow = None if spec.flow is None else _checked(Flow, Flow.past(spec.flow))
        if flow is not None and flow.weights not in (None, "none") and not flow.lacks_weights:
            # A path would be opened, and a spec may come from anybody.
            raise ValueError(
                f"flow.weights is {printable(flow.weights[:80])!r}, expected none or a sha256 digest"
            )
        if (scene := spec.preprocessing.get("scene")) is not None:
            # the record also holds the layout of the arrays, which is not a setting
            names = [each.name for each in dataclasses.fields(Scene)]
            fields["scene"] = _checked(Scene, {name: scene[name] for name in names if name in scene})
        if (regions := spec.preprocessing.get("regions")) is not None:
            names = [each.name for each in dataclasses.fields(Regions)]
            fields["regions"] = restored = _checked(
                Regions, {name: regions[name] for name in names if name in regions}
            )
            if restored.weights != "none" and not restored.lacks_weights:
                # A path would be opened, and a spec may come from anybody.
                shown = printable(restored.weights[:80])
                raise ValueError(f"regions.weights is {shown!r}, expected none or a sha256 digest")
        return fields


def region_arrays(regions: Regions) -> tuple[str, ...]:
    """The arrays that a preset with these regions makes."""
    cells = ("speed",) if regions.cells else ()
    pose = ("region_pose",) if regions.has_pose else ()
    return REGION_ARRAYS + cells + pose + (CROP_ARRAYS if regions.crops != "none" else ())


# Parts of a preset that its spec keeps by name among the preprocessing.
PARTS = {"resize": Resize, "crop": Crop, "scaling": Scaling, "sound": Sound}


def check_proportions(preset: Preset) -> None:
    """Raise ValueError for sizes that would need absurd memory or time before anything fails."""
    resize, crop, scene = preset.resize, preset.crop, preset.scene
    sides = () if resize is None else resize.size if isinstance(resize.size, tuple) else (resize.size,)
    sizes = {
        "clip_length": (preset.clip_length, 4096),
        "frame_stride": (preset.frame_stride, 100_000),
        "segment_stride": (preset.segment_stride, 1_000_000),
        "clip_start": (preset.clip_start + 1, 1_000_000),
        "resize.size": (max(sides, default=1), 8192),
        "crop.size": (1 if crop is None else crop.size, 8192),
        "scene.persons": (1 if scene is None else scene.persons, 1000),
        "fps": (1 if preset.fps is None else preset.fps, 1000),
    }
    for name, (value, most) in sizes.items():
        if not 0 < value <= most:
            raise ValueError(f"{name} is {value!r}, expected at most {most}")
    if min(sides, default=1) < 1:
        raise ValueError(f"resize.size is {resize and resize.size!r}, expected pixels above 0")


def _checked(kind: type[Part], values: object) -> Part:
    """A part of a preset from plain values, without conversions. Raises ValidationError."""
    # As JSON, in which a list may stand for a tuple.
    return TypeAdapter(kind).validate_json(json.dumps(values), strict=True)


def _listed(value):
    """With lists for tuples, as JSON gives them back."""
    if isinstance(value, dict):
        return {name: _listed(each) for name, each in value.items()}
    return [_listed(each) for each in value] if isinstance(value, (tuple, list)) else value
