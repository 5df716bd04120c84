"""What decides a scene graph: the detector, the tracker, and the few numbers of the graph."""

from __future__ import annotations

from dataclasses import asdict, dataclass

# The numbers of a node: name -> [start, stop); extract/scene/__init__.py explains them.
NODES = {
    "centre": (0, 2),
    "size": (2, 4),
    "velocity": (4, 6),
    "keypoints": (6, 57),
    "flow": (57, 59),
    "score": (59, 60),
}
NODE_DIM = 60
CHANNELS = ("distance", "gaze", "target")
DETECTORS = ("keypointrcnn", "ultralytics", "hog", "foreground", "onnx", "files", "none")
MOST_CLASSES = 10_000
TRACKERS = ("overlap", "bytetrack", "none")


@dataclass(frozen=True)
class Scene:
    """How the people of a clip are found and what their graph holds."""

    # keypointrcnn (boxes and pose), ultralytics (of the user's installation), hog (boxes only, no weights),
    # foreground (whatever moves before a camera that stands still, no weights), onnx (a YOLO network of the
    # user, see scene/onnx_detector.py), files (people found beforehand) or none
    detector: str = "keypointrcnn"
    # overlap (scene/overlap_tracker.py), bytetrack (scene/byte_tracker.py) or none; identities of
    # files stay
    tracker: str = "overlap"
    # P, how many people of a clip have a node
    persons: int = 8
    # detections of a lower score start no track
    least_score: float = 0.5
    # look for people in every k-th frame of a clip; in between they move evenly
    detect_every: int = 1
    # distance in box heights at which the closeness of two people is 1/e
    sigma: float = 1.5
    # the same for a person and a shared target
    reach: float = 4.0
    # numbers of the classes that onnx looks for; () = 0, which is person in COCO
    classes: tuple[int, ...] = ()
    # also store how fast each place of the picture moves, as the preset speed does
    speed: bool = False

    def __post_init__(self):
        for name, known in (("detector", DETECTORS), ("tracker", TRACKERS)):
            if getattr(self, name) not in known:
                raise ValueError(f"scene.{name} is {getattr(self, name)!r}, expected {', '.join(known)}")
        for name in ("persons", "detect_every"):
            if not isinstance(getattr(self, name), int) or getattr(self, name) < 1:
                raise ValueError(f"scene.{name} is {getattr(self, name)!r}, expected a whole number above 0")
        if not 0 <= self.least_score <= 1:
            raise ValueError(f"scene.least_score is {self.least_score!r}, expected a number from 0 to 1")
        if not all(isinstance(each, int) and 0 <= each < MOST_CLASSES for each in self.classes):
            raise ValueError(
                f"scene.classes is {self.classes!r}, expected numbers from 0 to {MOST_CLASSES - 1}"
            )
        if not isinstance(self.speed, bool):
            raise ValueError(f"scene.speed is {self.speed!r}, expected true or false")
        if self.classes and self.detector != "onnx":
            raise ValueError(f"scene.classes is set, but the detector {self.detector} knows no classes")
        for name in ("sigma", "reach"):
            if not getattr(self, name) > 0:
                raise ValueError(f"scene.{name} is {getattr(self, name)!r}, expected box heights above 0")

    def record(self) -> dict:
        """What the spec keeps, with the layout of the arrays, so that a head finds its numbers by name."""
        values = asdict(self)
        # Stores of versions without these fields are those of their defaults.
        for name in ("classes", "speed"):
            if not values[name]:
                del values[name]
        return values | {
            "nodes": {name: list(span) for name, span in NODES.items()},
            "channels": list(CHANNELS),
        }
