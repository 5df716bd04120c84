"""Which way people face, as the camera sees it: from shoulders and nose, or from where they go."""

from __future__ import annotations

import numpy as np

from extract.scene.people import JOINT_INDEX

LEAST_CONFIDENCE = 0.2  # of a joint that counts as seen
SHOULDER_WIDTH = 0.23  # of the box height, for a body seen from the front (mean of adults)
HEAD_TURN = 0.06  # of the box height: the nose so far beside the middle of the shoulders means a side view
WALKING = 0.25  # box heights a second; slower people may look anywhere


def body_direction(boxes: np.ndarray, keypoints: np.ndarray, velocity: np.ndarray) -> np.ndarray:
    """Unit vectors [n, 2], right and down in the picture, zero where nothing tells.

    boxes: [n, 4] in pixels. keypoints: [n, 17, 3] in pixels. velocity: [n, 2], box heights a second.
    A body that faces the camera has its left shoulder on the right of the picture, and walks down in it; one
    seen from the side has its nose before its shoulders. Without these joints, people face where they walk.
    """
    height = np.maximum(boxes[:, 3] - boxes[:, 1], 1e-6)
    left, right, nose = (
        keypoints[:, JOINT_INDEX[name]] for name in ("left_shoulder", "right_shoulder", "nose")
    )
    shoulders = (left[:, 2] >= LEAST_CONFIDENCE) & (right[:, 2] >= LEAST_CONFIDENCE)
    down = np.clip((left[:, 0] - right[:, 0]) / (SHOULDER_WIDTH * height), -1, 1)
    middle = (left[:, 0] + right[:, 0]) / 2
    aside = np.clip((nose[:, 0] - middle) / (HEAD_TURN * height), -1, 1)
    aside = np.where(nose[:, 2] >= LEAST_CONFIDENCE, aside, 0.0)
    posed = np.stack([aside, down], axis=1) * shoulders[:, None]
    speed = np.linalg.norm(velocity, axis=1, keepdims=True)
    walked = np.where(speed >= WALKING, velocity, 0.0)
    chosen = np.where(np.linalg.norm(posed, axis=1, keepdims=True) > 0.3, posed, walked)
    return chosen / np.maximum(np.linalg.norm(chosen, axis=1, keepdims=True), 1e-9)
