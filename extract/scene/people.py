"""The people of one frame, and the joints of their bodies in COCO's order."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import ArrayLike

JOINTS = (
    "nose",
    "left_eye",
    "right_eye",
    "left_ear",
    "right_ear",
    "left_shoulder",
    "right_shoulder",
    "left_elbow",
    "right_elbow",
    "left_wrist",
    "right_wrist",
    "left_hip",
    "right_hip",
    "left_knee",
    "right_knee",
    "left_ankle",
    "right_ankle",
)
JOINT_INDEX = {name: number for number, name in enumerate(JOINTS)}
BONES = tuple(
    (JOINT_INDEX[one], JOINT_INDEX[other])
    for one, other in (
        ("left_ankle", "left_knee"),
        ("left_knee", "left_hip"),
        ("right_ankle", "right_knee"),
        ("right_knee", "right_hip"),
        ("left_hip", "right_hip"),
        ("left_shoulder", "left_hip"),
        ("right_shoulder", "right_hip"),
        ("left_shoulder", "right_shoulder"),
        ("left_shoulder", "left_elbow"),
        ("left_elbow", "left_wrist"),
        ("right_shoulder", "right_elbow"),
        ("right_elbow", "right_wrist"),
        ("nose", "left_eye"),
        ("nose", "right_eye"),
        ("left_eye", "left_ear"),
        ("right_eye", "right_ear"),
    )
)
UNKNOWN_ID = -1  # track id of a person without identity


@dataclass(frozen=True)
class People:
    """n people of one frame. Raises ValueError for arrays of other shapes."""

    boxes: np.ndarray  # float32 [n, 4]: left, top, right, bottom in pixels of the decoded frame
    scores: np.ndarray  # float32 [n] in 0..1
    keypoints: np.ndarray  # float32 [n, 17, 3]: x, y in pixels, confidence in 0..1; all zero without a pose
    track_id: np.ndarray  # int64 [n]; UNKNOWN_ID for people without identity

    def __post_init__(self):
        count = len(self.boxes)
        expected = {
            "boxes": (count, 4),
            "scores": (count,),
            "keypoints": (count, len(JOINTS), 3),
            "track_id": (count,),
        }
        for name, shape in expected.items():
            if getattr(self, name).shape != shape:
                raise ValueError(
                    f"{name} have shape {list(getattr(self, name).shape)}, expected {list(shape)}"
                )

    def __len__(self) -> int:
        return len(self.boxes)

    def select(self, chosen: np.ndarray) -> People:
        """The people at a boolean mask or an index array."""
        return People(self.boxes[chosen], self.scores[chosen], self.keypoints[chosen], self.track_id[chosen])

    def with_ids(self, track_id: np.ndarray) -> People:
        """The same people with other identities."""
        return replace(self, track_id=np.asarray(track_id, np.int64))


def make_people(
    boxes: ArrayLike,
    scores: ArrayLike | None = None,
    keypoints: ArrayLike | None = None,
    track_id: ArrayLike | None = None,
) -> People:
    """People from array-likes; by default with score 1, without pose and without identity."""
    box_array = np.asarray(boxes, np.float32).reshape(-1, 4)
    count = len(box_array)
    if scores is None:
        scores = np.ones(count)
    if keypoints is None:
        keypoints = np.zeros((count, len(JOINTS), 3))
    if track_id is None:
        track_id = np.full(count, UNKNOWN_ID)
    return People(
        box_array,
        np.asarray(scores, np.float32),
        np.asarray(keypoints, np.float32),
        np.asarray(track_id, np.int64),
    )


NOBODY = make_people([])
