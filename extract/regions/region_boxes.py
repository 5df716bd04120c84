"""Boxes of the things in a mask: components, crowds cut into things of usual size, pieces joined."""

from __future__ import annotations

import cv2
import numpy as np

from extract.regions.usual_size import UsualSize

Box = tuple[float, float, float, float]  # left, top, right, bottom

CLOSE = 3  # pixels between which gaps are closed
LEAST_PIECE = 20  # pixels of a component that may be a piece of a thing
LEAST_AREA = 100  # pixels of a box, as in AI-VAD (arXiv 2212.00789)
# In usual widths and heights: what is larger is several things; a bicycle with its rider is not.
WIDE, TALL = 2.3, 1.6
MOST_PARTS = 12
PIXELS = 500  # of a component that decide its parts
ROUNDS = 12
SMALL = 0.3  # of the usual pixels: a smaller component is a piece of something
# In usual sizes: pieces this near to a box join it if both together are at most this large.
GAP, JOINED_WIDTH, JOINED_HEIGHT = 0.35, 1.5, 1.35


def components(mask: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Bool [H, W] -> (labels [H, W], 0 = nothing; stats [n, 5] of the components from 1 on)."""
    # Single pixels go, small gaps close.
    cleaned = cv2.medianBlur(mask.astype(np.uint8), 3)
    cleaned = cv2.morphologyEx(cleaned, cv2.MORPH_CLOSE, np.ones((CLOSE, CLOSE), np.uint8))
    _, labels, stats, _ = cv2.connectedComponentsWithStats(cleaned, connectivity=8)
    return labels, stats[1:]


def region_boxes(mask: np.ndarray, usual: UsualSize) -> np.ndarray:
    """Bool [H, W] -> float32 [n, 4], the largest first."""
    labels, stats = components(mask)
    whole: list[Box] = []
    pieces: list[Box] = []
    for number, (left, top, across, down, pixels) in enumerate(stats.tolist(), start=1):
        if pixels < LEAST_PIECE:
            continue
        box = (left, top, left + across, top + down)
        size = usual.at(box[3])
        if size is not None and (across > WIDE * size[0] or down > TALL * size[1]):
            whole += _parts(labels[top : box[3], left : box[2]] == number, box, size)
        else:
            (whole if size is None or pixels >= SMALL * size[2] else pieces).append(box)
    for box in sorted(pieces, key=lambda each: (-each[3], each)):
        _join(box, whole, usual)
    kept = sorted((box for box in whole if _area(box) >= LEAST_AREA), key=lambda box: (-_area(box), box))
    return np.array(kept, np.float32).reshape(-1, 4)


def _parts(mask: np.ndarray, box: Box, size: tuple[float, float, float]) -> list[Box]:
    """The boxes of k-means of a component's pixels, measured in usual widths and heights."""
    rows, columns = np.nonzero(mask)
    count = int(np.clip(round(len(rows) / size[2]), 2, MOST_PARTS))
    chosen = slice(None, None, max(1, len(rows) // PIXELS))
    rows, columns = rows[chosen], columns[chosen]
    part = _nearest_centre(np.stack([columns / size[0], rows / size[1]], axis=1), count)
    found = []
    for number in range(count):
        own = part == number
        if own.any():
            found.append(
                (
                    box[0] + float(columns[own].min()),
                    box[1] + float(rows[own].min()),
                    box[0] + float(columns[own].max()) + 1,
                    box[1] + float(rows[own].max()) + 1,
                )
            )
    return found


def _nearest_centre(points: np.ndarray, count: int) -> np.ndarray:
    """k-means of points [n, 2] from centres that lie farthest apart: [n], without any chance."""
    centres = [points[np.argmin(points.sum(axis=1))]]
    distance = ((points - centres[0]) ** 2).sum(axis=1)
    for _ in range(count - 1):
        centres.append(points[distance.argmax()])
        distance = np.minimum(distance, ((points - centres[-1]) ** 2).sum(axis=1))
    centre = np.array(centres)
    for _ in range(ROUNDS):
        nearest = ((points[:, None] - centre) ** 2).sum(axis=2).argmin(axis=1)
        for number in range(count):
            own = nearest == number
            if own.any():
                centre[number] = points[own].mean(axis=0)
    return nearest


def _join(box: Box, whole: list[Box], usual: UsualSize) -> None:
    """Join a piece to the nearest box that stays of usual size, else let it stand alone."""
    best = None
    for number, other in enumerate(whole):
        union = (
            min(box[0], other[0]),
            min(box[1], other[1]),
            max(box[2], other[2]),
            max(box[3], other[3]),
        )
        size = usual.at(union[3])
        if size is None:
            continue
        down = max(box[1], other[1]) - min(box[3], other[3])
        across = max(box[0], other[0]) - min(box[2], other[2])
        gap = max(down, 0) / size[1] + max(across, 0) / size[0]
        fits = (
            union[2] - union[0] <= JOINED_WIDTH * size[0] and union[3] - union[1] <= JOINED_HEIGHT * size[1]
        )
        if gap < GAP and fits and (best is None or gap < best[0]):
            best = gap, number, union
    if best is None:
        whole.append(box)
    else:
        whole[best[1]] = best[2]


def _area(box: Box) -> float:
    return (box[2] - box[0]) * (box[3] - box[1])
