"""What decides a scene graph: who looks for people, who follows them, and the graph's few numbers."""

from __future__ import annotations

from dataclasses import asdict, dataclass

# A node's numbers: name -> [start, stop); what they mean is in extract/scene/__init__.py.
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
DETECTORS = ("keypointrcnn", "ultralytics", "hog", "files", "none")
TRACKERS = ("overlap", "bytetrack", "none")


@dataclass(frozen=True)
class Scene:
    """detector: keypointrcnn (boxes and pose), ultralytics (what the user installed), hog (boxes only, no
    weights), files (what the user has), none. tracker: overlap (scene/overlap_tracker.py), bytetrack (of the
    extra [scene]) or none; identities of files are kept as they are.
    persons: P, the places for people in a clip. least_score: detections below it start no track.
    detect_every: look for people in every so many frames of the clip; in between they move evenly.
    sigma: distance in box heights at which two people's closeness is 1/e. reach: the same for a target.
    """

    detector: str = "keypointrcnn"
    tracker: str = "overlap"
    persons: int = 8
    least_score: float = 0.5
    detect_every: int = 1
    sigma: float = 1.5
    reach: float = 4.0

    def __post_init__(self):
        for name, known in (("detector", DETECTORS), ("tracker", TRACKERS)):
            if getattr(self, name) not in known:
                raise ValueError(f"scene.{name} is {getattr(self, name)!r}, expected {', '.join(known)}")
        for name in ("persons", "detect_every"):
            if not isinstance(getattr(self, name), int) or getattr(self, name) < 1:
                raise ValueError(f"scene.{name} is {getattr(self, name)!r}, expected a whole number above 0")
        if not 0 <= self.least_score <= 1:
            raise ValueError(f"scene.least_score is {self.least_score!r}, expected a number from 0 to 1")
        for name in ("sigma", "reach"):
            if not getattr(self, name) > 0:
                raise ValueError(f"scene.{name} is {getattr(self, name)!r}, expected box heights above 0")

    def record(self) -> dict:
        """What the spec keeps, with the layout of the arrays, so that a head finds its numbers by name."""
        return asdict(self) | {
            "nodes": {name: list(span) for name, span in NODES.items()},
            "channels": list(CHANNELS),
        }
