"""Heatmaps over the frames of a video: anomaly maps in red with boxes, attention maps in blue."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np

from extract.runtime.atomic import write_text
from score.predict.output.frame_replay import FrameConsumer
from score.predict.output.h264 import MIN_SIDE, H264File
from score.scoring.anomaly_maps import Explanation

RED, BLUE, YELLOW = np.array([255, 30, 20]), np.array([40, 90, 255]), np.array([255, 220, 0])
MAX_OPACITY = 0.65  # opacity of the heat, so that the frame below stays visible
COLUMNS, COLUMN_WIDTH = 8, 240  # frames of the contact sheet; pixels of each


class HeatmapVideo(FrameConsumer):
    """Draws the maps of a video over every frame, and a contact sheet of its most anomalous frames.

    threshold: anomaly value, on the scale of AnomalyMaps, at which boxes begin; heat begins at half of it.
    """

    def __init__(self, path: Path, explanation: Explanation, *, threshold: float):
        self.path, self.explanation, self.threshold = path, explanation, threshold
        self.boxes = explanation.boxes(threshold)
        self.shown = chosen_frames(explanation)
        self.pictures: dict[int, np.ndarray] = {}
        self._file: H264File | None = None

    def begin(self, *, fps: float, width: int, height: int) -> None:
        self.size = max(MIN_SIDE, height - height % 2), max(MIN_SIDE, width - width % 2)  # height, width
        self._file = H264File(
            self.path, kind="heatmap video", fps=fps, width=self.size[1], height=self.size[0]
        )

    def frame(self, index: int, seconds: float, rgb: np.ndarray) -> None:
        import cv2

        frame = self.explanation.frame
        # Maps exist for some frames only; a frame shows the last map before it.
        place = max(0, int(np.searchsorted(frame, index, side="right")) - 1)
        picture = cv2.resize(rgb, self.size[::-1]) if rgb.shape[:2] != self.size else rgb
        drawn = self._draw(picture, place)
        assert self._file is not None, "begin comes before the first frame"
        self._file.add(drawn, seconds)
        if place in self.shown and place not in self.pictures:
            attended = overlaid(picture, _resized(self.explanation.attention[place], self.size), BLUE)
            self.pictures[place] = np.concatenate([_column(each) for each in (picture, drawn, attended)])

    def _draw(self, picture: np.ndarray, place: int) -> np.ndarray:
        heat = _resized(self.explanation.highest[place], self.size)
        # Heat begins at half the threshold and is full at two and a half times it.
        drawn = overlaid(picture, (heat - self.threshold / 2) / (2 * self.threshold), RED)
        height, width = self.size
        for left, top, right, bottom, _ in self.boxes[place]:
            rows = slice(int(top * height), max(int(top * height) + 2, int(bottom * height)))
            columns = slice(int(left * width), max(int(left * width) + 2, int(right * width)))
            drawn[rows, columns][[0, -1]] = YELLOW
            drawn[rows, columns][:, [0, -1]] = YELLOW
        return drawn

    def end(self) -> None:
        file, self._file = self._file, None
        if file is not None:
            file.close()

    def discard(self) -> None:
        self.pictures = {}
        if self._file is not None:
            self._file.discard()
            self._file = None

    def contact_sheet(self) -> np.ndarray:
        """The most anomalous frames above their anomaly maps and HiResCAM: uint8 [3 h, columns w, 3]."""
        return np.concatenate([self.pictures[place] for place in sorted(self.pictures)], axis=1)


def chosen_frames(explanation: Explanation, count: int = COLUMNS) -> set[int]:
    """Indices of the most anomalous frame of each of `count` equal parts of the video."""
    peak = explanation.highest.max(axis=(1, 2))
    parts = np.array_split(np.arange(len(peak)), count)
    return {int(part[peak[part].argmax()]) for part in parts if len(part)}


def overlaid(picture: np.ndarray, heat: np.ndarray, colour: np.ndarray) -> np.ndarray:
    """An image, uint8 [H, W, 3], blended with a colour in proportion to heat [H, W], clipped to [0, 1]."""
    strength = MAX_OPACITY * np.clip(heat, 0, 1)[..., None]
    return np.round(picture * (1 - strength) + colour * strength).astype(np.uint8)


def write_boxes(
    path: Path, explanation: Explanation, boxes: list, *, threshold: float, percentile: float | None
) -> None:
    """Write the boxes of each mapped frame as JSON; coordinates are shares of the frame, in [0, 1].

    percentile: of the normal training frames that the threshold stands for; None if it was given itself.
    """
    frames = [
        {"frame": frame, "boxes": [[round(value, 4) for value in box] for box in each]}
        for frame, each in zip(explanation.frame.tolist(), boxes, strict=True)
    ]
    columns = ["left", "top", "right", "bottom", "unusual"]
    content = {"threshold": threshold, "percentile": percentile, "box": columns, "frames": frames}
    write_text(path, json.dumps(content) + "\n")


def _resized(rows: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    import cv2

    return cv2.resize(rows, size[::-1], interpolation=cv2.INTER_LINEAR)


def _column(picture: np.ndarray) -> np.ndarray:
    import cv2

    height, width = picture.shape[:2]
    size = COLUMN_WIDTH, max(1, round(height * COLUMN_WIDTH / width))
    return cv2.resize(picture, size, interpolation=cv2.INTER_AREA)
