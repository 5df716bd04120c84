"""What decides the regions of a frame: how they are found, and what is kept of each."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path

from extract.presets.preset_parts import DIGEST

DETECTORS = ("foreground", "hog", "onnx", "keypointrcnn")
MOST_CLASSES = 10_000
MOST_REGIONS = 256
# The numbers of a region's speed: name -> place; extract/regions/region_speed.py measures them.
SPEEDS = ("median", "p90", "fastest", "steps")


@dataclass(frozen=True)
class Regions:
    """How the regions of each frame are found and described."""

    # beside whatever moves or differs from the background: hog, onnx (a network of the user,
    # see scene/onnx_detector.py), keypointrcnn, or foreground for nothing else
    detector: str = "foreground"
    # numbers of the classes that onnx looks for; () = 0, which is person in COCO
    classes: tuple[int, ...] = ()
    # file of the detector's network (onnx), or none
    weights: str = "none"
    # look for them in every k-th frame; the boxes stay in between
    detect_every: int = 4
    # P, how many regions of a frame are kept, the largest ones
    most: int = 32
    # preset whose network describes the crops, with its scaling of pixels and its weights, or none
    crops: str = "efficientnet-lite0"
    # pixels per side of its input
    crop_size: int = 96
    # side of the crop, relative to the longer side of the box
    crop_margin: float = 1.3
    # a crop of each track in every k-th frame
    crop_every: int = 4
    # true frames per second of the scene where the clock of the files is wrong; 0 = their clock, and 10 for
    # folders of frames, which have none
    rate: float = 0.0
    # also keep how fast each cell of the frame moves, as the array `speed`
    cells: bool = False

    def __post_init__(self):
        if self.detector not in DETECTORS:
            raise ValueError(f"regions.detector is {self.detector!r}, expected {', '.join(DETECTORS)}")
        for name, most in (("detect_every", 1000), ("most", MOST_REGIONS), ("crop_every", 1000)):
            value = getattr(self, name)
            if not isinstance(value, int) or not 1 <= value <= most:
                raise ValueError(f"regions.{name} is {value!r}, expected a whole number from 1 to {most}")
        if not isinstance(self.cells, bool):
            raise ValueError(f"regions.cells is {self.cells!r}, expected true or false")
        if not isinstance(self.crop_size, int) or not 32 <= self.crop_size <= 512:
            raise ValueError(f"regions.crop_size is {self.crop_size!r}, expected pixels from 32 to 512")
        if not 0.5 <= self.crop_margin <= 4:
            raise ValueError(f"regions.crop_margin is {self.crop_margin!r}, expected a number from 0.5 to 4")
        if self.rate and not 0.1 <= self.rate <= 1000:
            raise ValueError(
                f"regions.rate is {self.rate!r}, expected frames per second from 0.1 to 1000, or 0"
            )
        if not all(isinstance(each, int) and 0 <= each < MOST_CLASSES for each in self.classes):
            raise ValueError(
                f"regions.classes is {self.classes!r}, expected numbers from 0 to {MOST_CLASSES - 1}"
            )
        if self.classes and self.detector != "onnx":
            raise ValueError(f"regions.classes is set, but the detector {self.detector} knows no classes")

    @property
    def crops_kept(self) -> int:
        """K, how many crops of a frame are kept: each track's turn, and some for chance."""
        return min(self.most, -(-self.most // self.crop_every) + 2)

    @property
    def has_pose(self) -> bool:
        return self.detector == "keypointrcnn"

    @property
    def lacks_weights(self) -> bool:
        """Whether the detector's file is known by its digest alone, as in a spec."""
        return DIGEST.fullmatch(self.weights) is not None

    def record(self) -> dict:
        """What the spec keeps: the detector's file by its content, and the names of a region's speeds."""
        values = asdict(self) | {"speeds": list(SPEEDS)}
        # Stores of versions without this field have none.
        if not self.cells:
            del values["cells"]
        if self.weights != "none" and not self.lacks_weights:
            from extract.weights.digests import sha256

            values["weights"] = f"sha256:{sha256(Path(self.weights))}"
        return values
