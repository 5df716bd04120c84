"""What decides a scene graph: who looks for people, who follows them, and the graph's few numbers."""
from __future__ import annotations

from dataclasses import dataclass

DETECTORS = ("keypointrcnn", "ultralytics", "hog", "files", "none")
TRACKERS = ("bytetrack", "overlap", "none")
NETWORKS = ("keypointrcnn", "ultralytics")  # detectors with weights


@dataclass(frozen=True)
class Scene:
    """detector: keypointrcnn (boxes and pose), ultralytics (what the user installed), hog (boxes only, no weights),
    files (what the user has), none. tracker: bytetrack, overlap or none; identities of files are kept as they are.
    persons: P, the places for people in a clip. least_score: detections below it start no track.
    sigma: distance in box heights at which two people's closeness is 1/e. reach: the same for a shared target.
    """

    detector: str = "keypointrcnn"
    tracker: str = "bytetrack"
    persons: int = 8
    least_score: float = 0.5
    sigma: float = 2.0
    reach: float = 4.0

    def __post_init__(self):
        for name, known in (("detector", DETECTORS), ("tracker", TRACKERS)):
            if getattr(self, name) not in known:
                raise ValueError(f"scene.{name} is {getattr(self, name)!r}, expected {', '.join(known)}")
        if not isinstance(self.persons, int) or self.persons < 1:
            raise ValueError(f"scene.persons is {self.persons!r}, expected a whole number above 0")
        if not 0 <= self.least_score <= 1:
            raise ValueError(f"scene.least_score is {self.least_score!r}, expected a number from 0 to 1")
        for name in ("sigma", "reach"):
            if not getattr(self, name) > 0:
                raise ValueError(f"scene.{name} is {getattr(self, name)!r}, expected box heights above 0")
