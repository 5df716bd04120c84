"""Which way people face, as the camera sees it: from shoulders and nose, or from where they walk."""

from __future__ import annotations

import numpy as np

from extract.scene.people import JOINT_INDEX

MIN_CONFIDENCE = 0.2  # confidence from which a joint counts as visible
SHOULDER_WIDTH = 0.23  # share of the box height, for a body seen from the front (mean of adults)
HEAD_TURN = 0.06  # share of the box height: a nose this far from the shoulders' middle means a side view
MIN_POSE_LENGTH = 0.3  # length of the direction from the joints; below it the joints say too little
WALKING = 0.25  # box heights per second; slower people may look anywhere


def body_direction(boxes: np.ndarray, keypoints: np.ndarray, velocity: np.ndarray) -> np.ndarray:
    """Unit vectors [n, 2], right and down in the image, zero where the direction is unknown.

    boxes: [n, 4] in pixels. keypoints: [n, 17, 3] in pixels. velocity: [n, 2], box heights per second.
    A body that faces the camera has its left shoulder on the right of the image, and faces down in it; one
    seen from the side has its nose in front of its shoulders. Without these joints, people face where they
    walk.
    """
    height = np.maximum(boxes[:, 3] - boxes[:, 1], 1e-6)
    left, right, nose = (
        keypoints[:, JOINT_INDEX[name]] for name in ("left_shoulder", "right_shoulder", "nose")
    )
    shoulders = (left[:, 2] >= MIN_CONFIDENCE) & (right[:, 2] >= MIN_CONFIDENCE)
    # From the front the left shoulder appears on the right by a full shoulder width, from behind on the left.
    down = np.clip((left[:, 0] - right[:, 0]) / (SHOULDER_WIDTH * height), -1, 1)
    middle = (left[:, 0] + right[:, 0]) / 2
    # Seen from the side, both shoulders coincide and the nose is in front of them.
    sideways = np.clip((nose[:, 0] - middle) / (HEAD_TURN * height), -1, 1)
    sideways = np.where(nose[:, 2] >= MIN_CONFIDENCE, sideways, 0.0)
    posed = np.stack([sideways, down], axis=1) * shoulders[:, None]
    speed = np.linalg.norm(velocity, axis=1, keepdims=True)
    walked = np.where(speed >= WALKING, velocity, 0.0)
    chosen = np.where(np.linalg.norm(posed, axis=1, keepdims=True) > MIN_POSE_LENGTH, posed, walked)
    return chosen / np.maximum(np.linalg.norm(chosen, axis=1, keepdims=True), 1e-9)
