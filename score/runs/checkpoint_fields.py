"""The fields of a checkpoint file, each checked by type, range and length before anything uses it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

import torch
from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    TypeAdapter,
    ValidationError,
    model_validator,
)
from pydantic.types import FiniteFloat
from torch import Tensor

from data_lists.video import NORMAL
from extract.runtime.foreign.printable import printable
from extract.store import FeatureSpec
from score.settings import MOST

Text = Annotated[str, Field(max_length=4096)]
Name = Annotated[str, Field(min_length=1, max_length=1024)]


def _inside(video_id: str) -> str:
    # A store finds its file by this name.
    if video_id.startswith("/") or ".." in video_id.split("/") or "\0" in video_id:
        raise ValueError("a video id leaves its folder")
    return video_id


VideoId = Annotated[Name, AfterValidator(_inside)]
Whole = Annotated[int, Field(ge=0, le=2**63 - 1)]
Size = Annotated[int, Field(ge=1, le=MOST)]
Tensors = Annotated[dict[Name, Any], Field(max_length=100_000)]
SPEC = TypeAdapter(FeatureSpec)
# Of a FeatureSpec: the largest value that this version can have written.
LARGEST = {
    "clip_length": 4096,
    "segment_stride": 1_000_000,
    "frame_stride": 100_000,
    "clip_start": 1_000_000,
    "feature_dim": MOST,
    "num_crops": 100,
    "fps": 1000.0,
}


class _Fields(BaseModel):
    # Nothing is converted: a number that is written as text was not written by us.
    model_config = ConfigDict(strict=True, frozen=True)


class TextFields(_Fields):
    """See extract.store.texts.ClassTexts, and score.runs.checkpoint_texts."""

    classes: Annotated[list[Name], Field(min_length=1, max_length=10_000)]
    features: Any
    prompts: list[list[str]]
    preset: Text
    text_weights: Text
    image_weights: Text
    digest: Text


class BagFields(_Fields):
    """See score.bags.bags.BagSpec."""

    feature_dims: Annotated[dict[Name, Size], Field(max_length=100)]
    event_classes: Annotated[list[Name], Field(min_length=1, max_length=10_000)]
    class_counts: list[Whole]
    array_shapes: dict[Name, Annotated[list[Size], Field(max_length=8)]] = {}
    texts: TextFields | None = None
    added: Whole = 0

    @model_validator(mode="after")
    def _agree(self) -> BagFields:
        classes = self.event_classes
        if classes[0] != NORMAL or len(set(classes)) < len(classes):
            raise ValueError(f"event_classes are not different names of which {NORMAL} is the first")
        if len(self.class_counts) != len(classes):
            raise ValueError(f"{len(classes)} event classes with {len(self.class_counts)} counts")
        if self.added >= len(classes):
            raise ValueError(f"{self.added} of {len(classes)} event classes were added later")
        return self


class HeldOutFields(_Fields):
    """Videos with their classes."""

    video_ids: list[VideoId] = []
    event_classes: list[Name] = []

    @model_validator(mode="after")
    def _agree(self) -> HeldOutFields:
        if self.event_classes and len(self.event_classes) != len(self.video_ids):
            raise ValueError(f"{len(self.video_ids)} videos with {len(self.event_classes)} event classes")
        return self


class ShotFields(HeldOutFields):
    """Examples of classes that were added, and the seed that drew them; see score.training.few_shots."""

    seed: Whole = 0


class ListFields(HeldOutFields):
    """What a run records of a list; older versions recorded less."""

    digest: Text = ""
    videos: Whole = 0
    held_out: HeldOutFields = HeldOutFields()
    shots: ShotFields = ShotFields()


class StandardiseFields(_Fields):
    """See score.bags.standardise.Standardisation."""

    mean: Tensors
    deviation: Tensors


class FingerprintFields(_Fields):
    """See score.leakage.fingerprints.Fingerprints."""

    video_ids: list[VideoId]
    sha256: list[Annotated[str, Field(pattern="^([0-9a-f]{64})?$")]]
    num_frames: list[Whole]
    num_segments: list[Whole]
    steps: Any
    mean: Any
    deviation: Any


class SourceFields(_Fields):
    """See score.runs.checkpoint_source.Source."""

    path: Text
    sha256: Annotated[str, Field(pattern="^[0-9a-f]{64}$")]
    seed: Whole
    epoch: Whole
    lists: dict[str, ListFields]
    fingerprints: FingerprintFields | None
    source: SourceFields | None


class ValidationRecordFields(_Fields):
    """See score.runs.validation_record.ValidationRecord."""

    video_ids: list[VideoId]
    anomalous: Any
    video_score: Any
    num_segments: Any
    segment_score: Any


class CheckpointFields(_Fields):
    """A checkpoint as save_checkpoint of score.runs.checkpoint writes it."""

    config: dict[str, Any]
    bags: BagFields
    specs: Annotated[list[Annotated[str, Field(max_length=1_000_000)]], Field(min_length=1, max_length=16)]
    weights: Tensors
    standardise: StandardiseFields | None
    lists: dict[str, ListFields]
    seed: Whole
    epoch: Whole
    validation: dict[Name, FiniteFloat | None]
    versions: dict[Name, Text]
    fingerprints: FingerprintFields | None = None
    source: SourceFields | None = None
    validation_record: ValidationRecordFields | None = None


def check_fields(values: Mapping) -> None:
    """Raise ValueError, one line, for a field that is missing, of another type, or out of range."""
    try:
        CheckpointFields.model_validate(dict(values))
    except ValidationError as error:
        raise ValueError(_line(error)) from None


def read_spec(text: str) -> FeatureSpec:
    """A spec as JSON text, with its types and ranges checked. Raises ValueError."""
    spec = FeatureSpec.from_json(text)
    try:
        SPEC.validate_json(text, strict=True)
    except ValidationError as error:
        raise ValueError(f"spec: {_line(error)}") from None
    for name, largest in LARGEST.items():
        value = getattr(spec, name)
        if value is not None and not 0 <= value <= largest:
            raise ValueError(f"spec: {name} is {value!r}, expected at most {largest}")
    return spec


def check_tensor(name: str, rows: object, like: Tensor) -> None:
    """Raise ValueError for a value that is no tensor of this shape and type with finite numbers.

    like: may be on the meta device.
    """
    if not isinstance(rows, Tensor):
        raise ValueError(f"{printable(name)} is {type(rows).__name__}, expected a tensor")
    if rows.shape != like.shape:
        raise ValueError(f"{printable(name)} has shape {list(rows.shape)}, expected {list(like.shape)}")
    if rows.dtype != like.dtype:
        raise ValueError(f"{printable(name)} is {rows.dtype}, expected {like.dtype}")
    if rows.is_floating_point() and not bool(torch.isfinite(rows).all()):
        raise ValueError(f"{printable(name)} holds numbers that are NaN or infinite")


def _line(error: ValidationError) -> str:
    details = error.errors(include_url=False)
    first = details[0]
    where = ".".join(str(part) for part in first["loc"])
    if first["type"] == "missing":
        reason = "is missing"
    else:
        reason = f"is wrong: {first['msg'].removeprefix('Value error, ')}"
    more = f" (and {len(details) - 1} more)" if len(details) > 1 else ""
    return printable(f"{where} {reason}{more}"[:400])
