"""A YOLO network of the package ultralytics, which is under the AGPL: used only if the user installed it."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np

from extract.runtime.foreign.regular_file import check_regular
from extract.scene.people import People, make_people

DEFAULT = "yolov8n-pose.pt"  # ultralytics downloads it
PERSON = 0  # among COCO's classes
MIN_SCORE = 0.1  # detections below it are not even candidates for a track


class UltralyticsDetector:
    """Finds people, with their poses if the network predicts poses.

    The package runs code that is in a file of weights: use only files that you trust.
    """

    def __init__(self, weights: Path | str | None = None, *, device: str = "cpu"):
        try:
            # This project never installs it.
            from ultralytics import YOLO  # pyright: ignore[reportMissingImports]
        except ImportError:
            raise ValueError(
                "detector ultralytics needs the package ultralytics (AGPL), which this project never "
                "installs; install it yourself or use another detector"
            ) from None
        from extract.weights.digests import sha256

        path = Path(weights or DEFAULT)
        if os.path.lexists(path):
            check_regular(path, expected="a file of weights")
        self.net, self.device = YOLO(str(path)), device
        self.digest = f"sha256:{sha256(path)}" if path.is_file() else f"ultralytics:{path}"

    def __call__(self, frames: np.ndarray) -> list[People]:
        """uint8 [n, H, W, 3] -> the people of each."""
        images = [np.ascontiguousarray(frame[..., ::-1]) for frame in frames]  # it expects arrays in BGR
        found = self.net.predict(images, classes=[PERSON], conf=MIN_SCORE, device=self.device, verbose=False)
        return [_people(each) for each in found]


def _people(found) -> People:
    boxes, scores = found.boxes.xyxy.cpu().numpy(), found.boxes.conf.cpu().numpy()
    joints = None if found.keypoints is None else found.keypoints.data.cpu().numpy()
    if joints is None or joints.shape[1:] not in ((17, 2), (17, 3)):
        return make_people(boxes, scores)
    # It moves joints of a confidence below 0.5 to (0, 0) but keeps their confidence.
    known = (joints[..., :2] != 0).any(axis=-1, keepdims=True)
    confidence = joints[..., 2:] if joints.shape[-1] == 3 else 1  # some networks predict no confidence
    return make_people(boxes, scores, np.concatenate([joints[..., :2], known * confidence], axis=-1))
