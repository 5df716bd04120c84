"""Why regions are anomalous: which attribute, how far from normal, and the normal example that is nearest."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from score.heads.attributes_parts.exemplars import Exemplars
from score.heads.attributes_parts.frame_cells import CELLS, box_of_fastest
from score.heads.attributes_parts.gallery import Gallery
from score.heads.attributes_parts.region_table import NOTHING, RegionTable
from score.heads.speed_parts.fastest_cells import fastest

Box = tuple[float, float, float, float]  # left, top, right, bottom as shares of the frame


@dataclass(frozen=True)
class Nearest:
    """A normal example. video: its number, see normal_regions.number_of. distance: from the region to it."""

    video: int
    frame: int
    box: Box
    distance: float
    # The largest distance of a normal example that was left out of the gallery to one that was kept.
    uncertainty: float


@dataclass(frozen=True)
class Reason:
    """The most anomalous moment of one track. row: the segment of the store, counted from 0.

    value: the weighted sum of the attributes. attributes: name -> its surprise, see surprise.Surprise.
    speed: relative to what is usual at that height of the picture. track: NOTHING for the fastest cells of
    the whole frame.
    """

    row: int
    track: int
    box: Box
    value: float
    attributes: dict[str, float]
    speed: float
    nearest: dict[str, Nearest]


def strongest(values: Tensor, table: RegionTable, count: int) -> list[tuple[int, int]]:
    """(row, place) of the highest moment of each track, the `count` highest tracks first: values [T, P]."""
    rows, places = table.present.nonzero(as_tuple=True)
    found: dict[int, tuple[float, int, int]] = {}
    shown = zip(rows.tolist(), places.tolist(), values[rows, places].tolist(), strict=True)
    for row, place, value in shown:
        track = int(table.track[row, place])
        if track not in found or value > found[track][0]:
            found[track] = value, row, place
    ordered = sorted(found.values(), key=lambda each: (-each[0], each[1:]))
    return [(row, place) for _, row, place in ordered[:count]]


def nearest_of(
    gallery: Gallery, examples: Exemplars, table: RegionTable, row: int, place: int
) -> Nearest | None:
    """The normal example nearest to the region's track, at its example that is nearest in time."""
    track = table.track[row, place]
    own = (table.track[examples.frame, examples.place] == track).nonzero()[:, 0]
    if not len(own):
        return None
    chosen = own[(examples.frame[own] - row).abs().argmin()]
    found = gallery.compare(examples.rows[chosen][None])
    if not torch.isfinite(found.distance[0]):
        return None
    number = int(found.number[0])
    video, frame, _ = gallery.origin[number].tolist()
    box = box_of(gallery.box[number])
    return Nearest(video, frame, box, float(found.distance[0]), float(gallery.radius))


def reason_of(
    table: RegionTable,
    row: int,
    place: int,
    *,
    combined: Tensor,
    values: dict[str, Tensor],
    speed: Tensor,
    compared: dict[str, tuple[Gallery, Exemplars]],
) -> Reason:
    """Why the region at one row and place is anomalous. Tensors are [T, P]; compared: by attribute."""
    nearest = {name: nearest_of(*pair, table, row, place) for name, pair in compared.items()}
    return Reason(
        row,
        int(table.track[row, place]),
        box_of(table.box[row, place]),
        float(combined[row, place]),
        {name: float(rows[row, place]) for name, rows in values.items()},
        float(speed[row, place]),
        {name: found for name, found in nearest.items() if found is not None},
    )


def reason_of_cells(ratio: Tensor, surprise: Tensor, *, weight: float) -> Reason:
    """The moment at which the cells of the whole frame are most surprising: ratio [T, R, C], surprise [T]."""
    row = int(surprise.argmax())
    value, box = float(surprise[row]), box_of(box_of_fastest(ratio[row]))
    return Reason(row, NOTHING, box, weight * value, {"cells": value}, float(fastest(ratio[row], CELLS)), {})


def box_of(values: Tensor) -> Box:
    """Four numbers as a box."""
    left, top, right, bottom = values.tolist()
    return left, top, right, bottom
