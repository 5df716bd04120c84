"""What YOLO networks take and give, in the forms in which people export them to ONNX.

form    input [1, 3, S, S']                             output
YOLOX   BGR 0..255, padded right and below with 114     [1, n, 5 + C]: centre and size that are still to be
                                                        decoded, objectness, classes
YOLOv5  RGB 0..1, padded on all sides with 114          [1, 3 n, 5 + C]: centre and size in pixels of the
                                                        input, objectness, classes
YOLOv8  RGB 0..1, padded on all sides with 114          [1, 4 + C, n]: centre and size in pixels of the input,
        (also YOLO11)                                   classes

n is the number of cells of grids with steps of 8, 16 and 32 pixels; the shape alone tells the forms apart.
Sources: Megvii-BaseDetection/YOLOX demo/ONNXRuntime and yolox/data/data_augment.py (preproc); ultralytics
examples/YOLOv8-ONNXRuntime.
"""

from __future__ import annotations

from typing import NamedTuple

import cv2
import numpy as np

STRIDES = (8, 16, 32)
PADDING = 114
SMALLEST_INPUT, LARGEST_INPUT = 32, 4096
LARGEST_EXPONENT = 20.0  # of a decoded size; sound networks stay far below


class Form(NamedTuple):
    """How one network is fed and read. height, width: of its input in pixels."""

    name: str
    height: int
    width: int
    num_classes: int

    @property
    def is_yolox(self) -> bool:
        return self.name == "YOLOX"


def form_of(given: list, made: list) -> Form:
    """The form of a network by the shapes of its input and output. Raises ValueError for others."""
    if len(given) != 4 or given[1] != 3 or not all(isinstance(side, int) for side in (*given[1:], *made[1:])):
        raise ValueError(
            f"takes {_shape(given)} and makes {_shape(made)}, expected pictures [1, 3, height, width] of a "
            "fixed size; export it without dynamic axes"
        )
    height, width = given[2:]
    if any(side % max(STRIDES) or not SMALLEST_INPUT <= side <= LARGEST_INPUT for side in (height, width)):
        raise ValueError(
            f"takes pictures of {width}x{height}, expected multiples of 32 up to {LARGEST_INPUT} pixels"
        )
    cells = sum((height // step) * (width // step) for step in STRIDES)
    if len(made) == 3:
        rows, columns = made[1:]
        if (rows, columns > 5) == (cells, True):
            return Form("YOLOX", height, width, columns - 5)
        if (rows, columns > 5) == (3 * cells, True):
            return Form("YOLOv5", height, width, columns - 5)
        if (columns, rows > 4) == (cells, True):
            return Form("YOLOv8", height, width, rows - 4)
    raise ValueError(
        f"makes {_shape(made)}, expected [1, {cells}, 5 + classes] (YOLOX), [1, {3 * cells}, 5 + classes] "
        f"(YOLOv5) or [1, 4 + classes, {cells}] (YOLOv8); export it without suppression of overlaps"
    )


def network_input(frame: np.ndarray, form: Form) -> tuple[np.ndarray, float, tuple[int, int]]:
    """uint8 RGB [H, W, 3] -> (float32 [1, 3, S, S'], factor, (left, top)). The aspect ratio is kept.

    factor: pixels of the input per pixel of the frame. left, top: pixels of padding before the picture.
    """
    height, width = frame.shape[:2]
    factor = min(form.height / height, form.width / width)
    # YOLOX cuts fractions of a pixel off, the others round.
    sized = int if form.is_yolox else round
    down, across = max(1, sized(height * factor)), max(1, sized(width * factor))
    left, top = (0, 0) if form.is_yolox else ((form.width - across) // 2, (form.height - down) // 2)
    padded = np.full((form.height, form.width, 3), PADDING, np.uint8)
    padded[top : top + down, left : left + across] = cv2.resize(
        frame, (across, down), interpolation=cv2.INTER_LINEAR
    )
    pixels = padded[..., ::-1] if form.is_yolox else padded
    planes = np.ascontiguousarray(pixels.transpose(2, 0, 1)[None], dtype=np.float32)
    return (planes if form.is_yolox else planes / np.float32(255)), factor, (left, top)


def decoded(output: np.ndarray, form: Form) -> tuple[np.ndarray, np.ndarray]:
    """(boxes float32 [n, 4] as left, top, right, bottom in pixels of the input, scores [n, C] in 0..1)."""
    rows = np.asarray(output[0], np.float32)
    if form.name == "YOLOv8":
        rows = rows.T
        centre, size, scores = rows[:, :2], rows[:, 2:4], rows[:, 4:]
    else:
        centre, size, scores = rows[:, :2], rows[:, 2:4], rows[:, 4:5] * rows[:, 5:]
    if form.is_yolox:
        place, step = _grid(form)
        centre, size = (centre + place) * step, np.exp(np.minimum(size, LARGEST_EXPONENT)) * step
    boxes = np.concatenate([centre - size / 2, centre + size / 2], axis=1)
    finite = np.isfinite(boxes).all(axis=1) & np.isfinite(scores).all(axis=1)
    return boxes[finite], np.clip(scores[finite], 0, 1)


def best_boxes(boxes: np.ndarray, scores: np.ndarray, *, overlap: float) -> np.ndarray:
    """Indices of boxes in falling order of score, without those that overlap a better one by more.

    boxes: [n, 4]. scores: [n]. overlap: intersection over union.
    """
    order = np.argsort(-scores, kind="stable")
    area = np.prod(np.maximum(boxes[:, 2:] - boxes[:, :2], 0), axis=1)
    kept = []
    while len(order):
        best, order = order[0], order[1:]
        kept.append(best)
        corner, opposite = (
            np.maximum(boxes[best, :2], boxes[order, :2]),
            np.minimum(boxes[best, 2:], boxes[order, 2:]),
        )
        shared = np.prod(np.maximum(opposite - corner, 0), axis=1)
        order = order[shared <= overlap * (area[best] + area[order] - shared)]
    return np.array(kept, np.int64)


def _grid(form: Form) -> tuple[np.ndarray, np.ndarray]:
    """The cell (x, y) of each row of YOLOX, and its step: float32 [n, 2], [n, 1]."""
    places, steps = [], []
    for step in STRIDES:
        y, x = np.mgrid[: form.height // step, : form.width // step]
        places.append(np.stack([x, y], axis=-1).reshape(-1, 2))
        steps.append(np.full((places[-1].shape[0], 1), step))
    return np.concatenate(places).astype(np.float32), np.concatenate(steps).astype(np.float32)


def _shape(values: list) -> str:
    return f"[{', '.join(str(each)[:20] for each in values)}]"
