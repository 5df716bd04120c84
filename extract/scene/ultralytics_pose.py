"""A YOLO network of the package ultralytics, which is under the AGPL: used where the user has installed
it."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from extract.scene.people import People, make_people

DEFAULT = "yolov8n-pose.pt"  # fetched by ultralytics itself
PERSON = 0  # in COCO's classes
LEAST_SCORE = 0.1


class UltralyticsDetector:
    """Finds people, with their poses where the network has any."""

    def __init__(self, weights: Path | str | None = None, *, device: str = "cpu"):
        try:
            from ultralytics import YOLO
        except ImportError:
            raise ValueError(
                "detector ultralytics needs the package ultralytics (AGPL), which is never installed with "
                "this project; install it yourself or take another detector"
            ) from None
        from extract.weights.proof import sha256

        path = Path(weights or DEFAULT)
        self.net, self.device = YOLO(str(path)), device
        self.digest = f"sha256:{sha256(path)}" if path.is_file() else f"ultralytics:{path}"

    def __call__(self, frames: np.ndarray) -> list[People]:
        """uint8 [n, H, W, 3] -> the people of each."""
        pictures = [np.ascontiguousarray(frame[..., ::-1]) for frame in frames]  # it takes arrays as BGR
        found = self.net.predict(
            pictures, classes=[PERSON], conf=LEAST_SCORE, device=self.device, verbose=False
        )
        return [_people(each) for each in found]


def _people(found) -> People:
    boxes, scores = found.boxes.xyxy.cpu().numpy(), found.boxes.conf.cpu().numpy()
    joints = None if found.keypoints is None else found.keypoints.data.cpu().numpy()
    if joints is None or joints.shape[1:] not in ((17, 2), (17, 3)):
        return make_people(boxes, scores)
    # Joints it is less than half sure of it puts at (0, 0), but keeps their confidence.
    known = (joints[..., :2] != 0).any(axis=-1, keepdims=True)
    sure = joints[..., 2:] if joints.shape[-1] == 3 else 1  # there are networks without confidences
    return make_people(boxes, scores, np.concatenate([joints[..., :2], known * sure], axis=-1))
