"""Why regions are anomalous, for people: a JSON file, and pictures of regions beside normal ones."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from extract.runtime.atomic import write_text
from score.heads.attributes_parts.reasons import Box, Nearest, Reason
from score.predict.output.frame_replay import FrameConsumer

TILE, MARGIN, TEXT = 200, 1.5, 64  # pixels of a picture; side of what it shows, in boxes; pixels below it
GREY, WHITE, RED, GREEN = (40, 40, 40), (235, 235, 235), (255, 70, 50), (80, 220, 90)

# Number of a video -> its id, None for a video that is not known.
Names = Callable[[int], str | None]


def write_reasons(path: Path, reasons: Sequence[Reason], *, frame: np.ndarray, names: Names) -> None:
    """Write reasons as JSON; boxes are shares of the frame. frame: native frame number of each row."""

    def nearest(found: Nearest) -> dict:
        return {
            "video": names(found.video),
            "frame": found.frame,
            "box": _rounded(found.box),
            "distance": round(found.distance, 4),
            "gallery_error": round(found.uncertainty, 4),
        }

    content = [
        {
            "frame": int(frame[reason.row]),
            "track": reason.track,
            "box": _rounded(reason.box),
            "unusual": round(reason.value, 4),
            "speed_ratio": _number(reason.speed),
            "attributes": {name: _number(value) for name, value in reason.attributes.items()},
            "nearest": {name: nearest(found) for name, found in reason.nearest.items()},
        }
        for reason in reasons
    ]
    write_text(path, json.dumps({"regions": content}, indent=1) + "\n")


class FramePicker(FrameConsumer):
    """Keeps some frames of a video: native number -> uint8 [H, W, 3]."""

    def __init__(self, wanted: set[int]):
        self.wanted = wanted
        self.pictures: dict[int, np.ndarray] = {}

    def frame(self, index: int, _seconds: float, rgb: np.ndarray) -> None:
        if index in self.wanted:
            self.pictures.setdefault(index, rgb.copy())

    def discard(self) -> None:
        self.pictures = {}


def reason_sheet(
    reasons: Sequence[Reason],
    *,
    picture: Callable[[Reason], np.ndarray | None],
    normal: Callable[[Nearest], np.ndarray | None],
    frame: np.ndarray,
) -> np.ndarray:
    """uint8 [H, W, 3]: a column for each region above the normal example that is nearest to it.

    picture, normal: the whole frame, None if it is not at hand. frame: native frame number of each row.
    """
    columns = []
    for reason in reasons:
        found = next(iter(reason.nearest.values()), None)
        words = [f"frame {int(frame[reason.row])}, {reason.value:+.1f}"]
        words += [
            f"{name} {value:+.1f}" + (f" ({reason.speed:.2f} x)" if name in ("speed", "cells") else "")
            for name, value in reason.attributes.items()
        ]
        below = (
            ["no normal picture"] if found is None else ["nearest normal", f"distance {found.distance:.1f}"]
        )
        columns.append(
            np.concatenate(
                [
                    _tile(picture(reason), reason.box, RED),
                    _words(words),
                    _tile(None if found is None else normal(found), found.box if found else None, GREEN),
                    _words(below),
                ]
            )
        )
    return np.concatenate(columns, axis=1) if columns else _words(["no regions"])


def _tile(picture: np.ndarray | None, box: Box | None, colour: tuple[int, int, int]) -> np.ndarray:
    import cv2

    if picture is None or box is None:
        return np.full((TILE, TILE, 3), GREY, np.uint8)
    height, width = picture.shape[:2]
    left, top, right, bottom = np.array(box) * (width, height, width, height)
    side = max(right - left, bottom - top, 8) * MARGIN
    scale = TILE / side
    x, y = (left + right) / 2 - side / 2, (top + bottom) / 2 - side / 2
    matrix = np.array([[scale, 0, -x * scale], [0, scale, -y * scale]], np.float32)
    tile = cv2.warpAffine(picture, matrix, (TILE, TILE), flags=cv2.INTER_LINEAR)
    corners = ((np.array([left, top, right, bottom]) - (x, y, x, y)) * scale).round().astype(int).tolist()
    cv2.rectangle(tile, corners[:2], corners[2:], colour, 1)
    return tile


def _words(lines: Sequence[str]) -> np.ndarray:
    import cv2

    strip = np.full((TEXT, TILE, 3), GREY, np.uint8)
    for number, line in enumerate(lines[:4]):
        cv2.putText(strip, line, (4, 14 + 15 * number), cv2.FONT_HERSHEY_SIMPLEX, 0.42, WHITE, 1, cv2.LINE_AA)
    return strip


def _rounded(box: Box) -> list[float]:
    return [round(value, 4) for value in box]


def _number(value: float) -> float | None:
    """JSON knows no NaN."""
    return round(value, 4) if np.isfinite(value) else None
