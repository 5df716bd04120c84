"""The parts of a preset: how frames are resized, cut out and scaled, and the flow between them."""

from __future__ import annotations

import dataclasses
import re
from dataclasses import dataclass
from pathlib import Path

# Crop layout -> C, how many crops it has; extract.clips.transforms.CROPS cuts them.
NUM_CROPS = {
    "center": 1,
    "five-torchvision": 5,
    "ten-torchvision": 10,
    "five-gowtham": 5,
    "ten-gowtham": 10,
    "ten-vadclip": 10,
}
# Resize filter -> what it does; extract.clips.transforms.resize does it.
RESIZE_FILTERS = {
    "bilinear": "antialiased, as PIL",
    "bicubic": "antialiased, as PIL",
    "lanczos": "antialiased, as PIL",
    "bilinear-plain": "no antialias, rounded, as torchvision with antialias=False",
    "bilinear-float": "no antialias, not rounded, as pytorchvideo's short_side_scale",
    "bilinear-cv2": "no antialias, as cv2.resize with INTER_LINEAR",
}
# How a spec names weights: by their content.
DIGEST = re.compile(r"sha256:[0-9a-f]{64}")


@dataclass(frozen=True)
class Resize:
    """How frames are resized before they are cropped."""

    # "short_side" keeps the aspect ratio, "exact" does not
    mode: str
    # pixels: of the short side, or (height, width)
    size: int | tuple[int, int]
    # a key of RESIZE_FILTERS
    filter: str = "bilinear"

    def __post_init__(self):
        if (self.mode, isinstance(self.size, int)) not in (("short_side", True), ("exact", False)):
            raise ValueError(
                f"resize.mode {self.mode!r} with size {self.size!r}: "
                "expected short_side with one number or exact with two"
            )
        if self.filter not in RESIZE_FILTERS:
            raise ValueError(f"resize.filter is {self.filter!r}, expected one of {', '.join(RESIZE_FILTERS)}")


@dataclass(frozen=True)
class Crop:
    """Which views of a resized clip the network sees."""

    # a key of NUM_CROPS
    layout: str
    # pixels per side
    size: int

    def __post_init__(self):
        if self.layout not in NUM_CROPS:
            raise ValueError(f"crop.layout is {self.layout!r}, expected one of {', '.join(NUM_CROPS)}")


@dataclass(frozen=True)
class Scaling:
    """(x - mean) / std on pixel values 0..255, one value per channel."""

    mean: tuple[float, ...]
    std: tuple[float, ...]


@dataclass(frozen=True)
class Flow:
    """Optical flow between resized frames, and the levels that it is stored in."""

    # tvl1 or raft
    method: str = "tvl1"
    # variant of tvl1: opencv or quality
    variant: str = "opencv"
    # pixels per frame; larger motion is cut off, and the levels span this range
    clamp: float = 20.0
    # mediapipe, round, int8 or none
    quantiser: str = "mediapipe"
    # grey levels that tvl1 sees: opencv as cvtColor, rounded as in specs without this field
    grey: str = "opencv"
    # weights of raft: torchvision's file, or none for random weights
    weights: str | None = None

    def __post_init__(self):
        for name, known in (
            ("method", ("tvl1", "raft")),
            ("variant", ("opencv", "quality")),
            ("quantiser", ("mediapipe", "round", "int8", "none")),
            ("grey", ("opencv", "rounded")),
        ):
            if getattr(self, name) not in known:
                raise ValueError(f"flow.{name} is {getattr(self, name)!r}, expected {', '.join(known)}")
        if not self.clamp > 0:
            raise ValueError(f"flow.clamp is {self.clamp!r}, expected pixels above 0")

    @property
    def lacks_weights(self) -> bool:
        """Whether weights are known by their digest alone, as in a spec; the file is yet to be given."""
        return DIGEST.fullmatch(self.weights or "") is not None

    def record(self) -> dict:
        """What the spec keeps: weights by their content, because a path proves nothing.

        The earlier rule of grey levels has no entry, as in the stores that it made, and raft sees colours.
        """
        values = dataclasses.asdict(self)
        if self.method == "raft" or self.grey == "rounded":
            del values["grey"]
        if self.weights is not None and self.weights != "none" and not self.lacks_weights:
            from extract.weights.digests import sha256

            values["weights"] = f"sha256:{sha256(Path(self.weights))}"
        return values

    @staticmethod
    def past(values: dict) -> dict:
        """A record of any version as one of this version: without a rule of grey levels, the earlier one."""
        return {"grey": "opencv" if values.get("method") == "raft" else "rounded"} | values
