"""How large things are at each height of the picture, and what follows: which pieces belong together.

Sizes are those of the components so far, so that nothing has to be known of the camera. Before there are
enough of them, components stay as they are.
"""

from __future__ import annotations

from collections import deque

import numpy as np

KEPT = 600  # components that are remembered
FEWEST = 40  # components before a size is known
NEAREST = 1 / 3  # share of them that decides it: one large thing that stays in view must not
# In widths and heights that are normal at the place:
GAP = 0.3  # pieces that are this near, one above the other, may be one
WHOLE = 1.35  # and together are at most this large
WIDE = 1.6  # a component of this width may be several people side by side
LOW = 1.5  # if it is at most this tall
VALLEY = 0.5  # where its columns hold less than this share of the pixels of those on both sides
Box = tuple[int, int, int, int]  # left, top, right, bottom; the last two beyond the box


class RegionSizes:
    """The sizes of the components of one camera so far."""

    def __init__(self):
        self._known: deque[tuple[float, float, float]] = deque(maxlen=KEPT)  # bottom, width, height

    def add(self, boxes: list[Box], *, width: int, height: int) -> None:
        """Remember components that the border of the picture does not cut."""
        for left, top, right, bottom in boxes:
            if left > 0 and top > 0 and right < width and bottom < height:
                self._known.append((bottom, right - left, bottom - top))

    def at(self, bottom: float) -> tuple[float, float] | None:
        """The median (width, height) of the components whose lower edges are nearest; None if too few."""
        if len(self._known) < FEWEST:
            return None
        known = np.array(self._known)
        nearest = np.argsort(np.abs(known[:, 0] - bottom), kind="stable")[: round(NEAREST * len(known))]
        width, height = np.median(known[nearest, 1:], axis=0)
        return float(width), float(height)


def merged(boxes: list[Box], sizes: RegionSizes) -> list[Box]:
    """Boxes with pieces of one thing joined: a head and the legs below it."""
    boxes = sorted(boxes, key=lambda box: (-box[3], box))
    whole: list[Box] = []
    for box in boxes:
        place = next((number for number, other in enumerate(whole) if _belong(box, other, sizes)), None)
        if place is None:
            whole.append(box)
        else:
            whole[place] = _union(whole[place], box)
    return whole


def pieces(box: Box, mask: np.ndarray, sizes: RegionSizes) -> list[Box]:
    """A box, cut between people who walk side by side. mask: bool [H, W], the pixels of this component."""
    left, top, right, bottom = box
    size = sizes.at(bottom)
    if size is None or right - left < WIDE * size[0] or bottom - top > LOW * size[1]:
        return [box]
    columns = mask[top:bottom, left:right].sum(axis=0).astype(float)
    count = max(2, round((right - left) / size[0]))
    cuts = [0, len(columns)]
    for place in np.linspace(0, len(columns), count + 1)[1:-1]:
        reach = max(1, round(0.3 * len(columns) / count))
        first = max(1, int(place) - reach)
        window = columns[first : int(place) + reach + 1]
        if not len(window):
            continue
        cut = first + int(window.argmin())
        beside = min(columns[:cut].max(initial=0), columns[cut:].max(initial=0))
        if columns[cut] < VALLEY * beside:
            cuts.append(cut)
    edges = sorted(set(cuts))
    found = [
        _tight(mask, left + start, top, left + stop, bottom)
        for start, stop in zip(edges, edges[1:], strict=False)
    ]
    return [each for each in found if each is not None]


def _belong(one: Box, other: Box, sizes: RegionSizes) -> bool:
    union = _union(one, other)
    if _area(union) == max(_area(one), _area(other)):
        return True  # one lies in the other
    size = sizes.at(union[3])
    if size is None:
        return False
    across = min(one[2], other[2]) - max(one[0], other[0])
    gap = max(one[1], other[1]) - min(one[3], other[3])
    narrow = min(one[2] - one[0], other[2] - other[0])
    return (
        across >= narrow / 2
        and gap <= GAP * size[1]
        and union[2] - union[0] <= WHOLE * size[0]
        and union[3] - union[1] <= WHOLE * size[1]
    )


def _union(one: Box, other: Box) -> Box:
    return min(one[0], other[0]), min(one[1], other[1]), max(one[2], other[2]), max(one[3], other[3])


def _area(box: Box) -> int:
    return (box[2] - box[0]) * (box[3] - box[1])


def _tight(mask: np.ndarray, left: int, top: int, right: int, bottom: int) -> Box | None:
    """The box of the pixels inside; None without any."""
    rows, columns = np.nonzero(mask[top:bottom, left:right])
    if not len(rows):
        return None
    return (
        left + int(columns.min()),
        top + int(rows.min()),
        left + int(columns.max()) + 1,
        top + int(rows.max()) + 1,
    )
