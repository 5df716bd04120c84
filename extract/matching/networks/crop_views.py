"""The views that crop layouts cut, by name, and which layout a permutation of crops is."""

from __future__ import annotations

import functools

import numpy as np
import torch
from scipy.optimize import linear_sum_assignment

from extract.clips.transforms import CROPS, crop

# The layout whose views are computed; every known layout holds some of them.
ALL_VIEWS = "ten-torchvision"
CENTRE = "centre"
SIDE, FRAME = 4, 8  # pixels of a small frame in which views are found
PLACES = {
    (0, 0): "top left",
    (0, 4): "top right",
    (4, 0): "bottom left",
    (4, 4): "bottom right",
    (2, 2): CENTRE,
}


@functools.cache
def view_names(layout: str) -> tuple[str, ...]:
    """What each crop of a layout shows, such as ("top left", ..., "mirrored centre")."""
    rows, columns = torch.meshgrid(torch.arange(FRAME), torch.arange(FRAME), indexing="ij")
    names = []
    for view in crop(torch.stack([rows, columns]), layout=layout, size=SIDE):
        top, left, right = (int(each) for each in (view[0, 0, 0], view[1, 0, 0], view[1, 0, -1]))
        is_mirrored = right < left
        place = PLACES.get((top, FRAME - 1 - left if is_mirrored else left), f"window at {left}, {top}")
        names.append(f"mirrored {place}" if is_mirrored else place)
    return tuple(names)


def layout_called(views: tuple[str, ...]) -> str | None:
    """The layout with exactly these views in this order."""
    return next((layout for layout in CROPS if view_names(layout) == views), None)


def crop_order(ours: np.ndarray, theirs: np.ndarray) -> tuple[tuple[str, ...], float]:
    """Which view each of their crops is, and the mean cosine of those pairs after means are subtracted.

    ours: [R, V, D] of ALL_VIEWS. theirs: [R, C, D].
    """
    names = view_names(ALL_VIEWS)[: ours.shape[1]]
    distance = 1 - alike(theirs, ours)  # [C, V]
    crops, views = linear_sum_assignment(distance)
    return tuple(names[view] for view in views), float(1 - distance[crops, views].mean())


def alike(ours: np.ndarray, theirs: np.ndarray) -> np.ndarray:
    """Cosines [C, V] of views over all rows, after each row's mean over its views is subtracted.

    ours: [R, C, D], theirs: [R, V, D]. The mean goes, because the views of one frame share most of it.
    """
    one, other = (_unit(rows - rows.mean(axis=1, keepdims=True)) for rows in (ours, theirs))
    return np.einsum("rcd,rvd->cv", one, other) / len(one)


def _unit(rows: np.ndarray) -> np.ndarray:
    return rows / np.maximum(np.linalg.norm(rows, axis=2, keepdims=True), 1e-12)
