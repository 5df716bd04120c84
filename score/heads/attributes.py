"""One class, by attributes of regions: how fast, how restless, what it looks like, which pose (after AI-VAD).

Reiss & Hoshen, arXiv 2212.00789: the density of normal attributes, without any gradient. Here speeds are
relative to what is usual at that height of the picture, crops are compared in the directions in which normal
ones differ, and values are means along the track of the region.
"""

from __future__ import annotations

from collections.abc import Iterable

import torch
from torch import Tensor
from torch.nn import functional as F

from score.bags.bags import Bags, BagSpec
from score.heads.attributes_parts.attributes_config import AttributesConfig
from score.heads.attributes_parts.frame_cells import FrameCells
from score.heads.attributes_parts.normal_regions import NormalRegions, normal_tables
from score.heads.attributes_parts.reasons import Reason, reason_of, reason_of_cells, strongest
from score.heads.attributes_parts.region_attributes import RegionAttributes
from score.heads.attributes_parts.region_maps import painted
from score.heads.attributes_parts.region_shapes import ARRAYS
from score.heads.attributes_parts.region_table import USUAL_RATE, RegionTable, tables_of
from score.heads.attributes_parts.surprise import Surprise
from score.heads.base import HeadOutput
from score.heads.layers.map_scale import MapScale
from score.heads.speed_parts.time_average import gaussian_average


class Attributes(RegionAttributes):
    """Compares the regions of each frame with those of normal frames."""

    config_class = AttributesConfig
    players = ()
    one_class = True
    with_maps = scores_frames = True
    arrays = ARRAYS

    def __init__(self, config: AttributesConfig, bag_spec: BagSpec):
        super().__init__(config, bag_spec)
        shapes = bag_spec.array_shapes
        self.with_cells = "speed" in shapes and config.cells_weight > 0
        if self.with_cells:
            self.cells = FrameCells(shapes["speed"][0], line=config.cells_line)
            self.surprise["cells"] = Surprise()
        if not self.names and not self.with_cells:
            raise ValueError(
                "the weights leave only attributes that the store lacks; a store has cells unless "
                "regions.cells is false, crops unless regions.crops is none, and poses with "
                "regions.detector=keypointrcnn"
            )
        self.map_scale = MapScale()

    @classmethod
    def look_ahead(cls, _config: AttributesConfig) -> int | None:
        """Unknown: seconds reach as many frames as the store has."""
        return None

    def forward(self, bags: Bags) -> HeadOutput:
        """Scores are x / (1 + x) of the surprise x, whose 1 + x is averaged geometrically along time.

        A plain mean of something very surprising would reach far into the normal frames around it.
        """
        found = [
            self.along_time(self.frame_value(table, self.surprises(table)), mask, table.rate)
            for table, mask in zip(tables_of(bags), bags.mask, strict=True)
        ]
        value = torch.stack(found)
        score = (value / (1 + value)).masked_fill(~bags.mask, 0.0)
        return HeadOutput(score, score.amax(dim=1))

    def along_time(self, value: Tensor, mask: Tensor, rate: float) -> Tensor:
        """Values [T] averaged geometrically. mask: bool [T], False for padding. rate: frames per second."""
        deviation = self.config.smoothing * rate / USUAL_RATE
        return gaussian_average(value.to(mask.device).log1p()[None], mask[None], deviation=deviation)[
            0
        ].expm1()

    def frame_value(self, table: RegionTable, surprises: dict[str, Tensor]) -> Tensor:
        """The highest region of each frame, plus its fastest cells: [T]. See `surprises`."""
        of_regions = {name: rows for name, rows in surprises.items() if name != "cells"}
        highest = table.highest(self.combined(of_regions, table))
        return highest + self.config.cells_weight * surprises["cells"] if "cells" in surprises else highest

    def surprises(self, table: RegionTable) -> dict[str, Tensor]:
        """Attribute -> how surprising it is, [T, P] of regions and [T] of cells."""
        found = self.region_values(table)
        return found | ({"cells": self.surprise["cells"](self.cells(table.cells))} if self.with_cells else {})

    def surprise_of_cells(self, ratio: Tensor) -> Tensor:
        """The weighted surprise of cells of any shape, as maps and reasons show it."""
        return self.config.cells_weight * self.surprise["cells"](ratio)

    @torch.no_grad()
    def fit(self, batches: Iterable[Bags]) -> None:
        """Passes over the normal videos: for places and directions, for cells, and for the gallery of crops.

        What is collected of all videos lies on the CPU, and so does the head meanwhile. Raises ValueError
        without any region, unless cells alone count.
        """
        device = self.map_scale.median.device
        self.cpu()
        self._fit(batches)
        self.to(device)

    def _fit(self, batches: Iterable[Bags]) -> None:
        normal = NormalRegions()
        for video, table in normal_tables(batches):
            normal.add(video, table)
        tables = normal.tables()
        if self.with_cells:
            self.cells.fit(table.cells for _, table in normal_tables(batches))
            ratios = [self.cells(table.cells) for table in tables.values()]
            self.surprise_of("cells").fit(torch.cat(ratios))
        highest = self.fit_regions(normal, batches)
        if self.with_cells:
            for video, table in tables.items():
                fast = self.surprise_of_cells(self.cells.ratio(table.cells).flatten(1).amax(dim=1))
                highest[video] = torch.maximum(highest[video], fast)
        self.map_scale.fit(torch.cat([*highest.values()]))

    @torch.no_grad()
    def frame_maps(self, bags: Bags) -> dict[str, Tensor]:
        """One map: the scores of regions in their boxes, or of cells where these are higher, by MapScale."""
        return {"regions": torch.stack([self._map(table) for table in tables_of(bags)])}

    @torch.no_grad()
    def frame_attention(self, bags: Bags) -> Tensor:
        """The region or cells in which the map is highest."""
        maps = torch.stack([self._map(table) for table in tables_of(bags)])
        return (maps >= maps.amax(dim=(-2, -1), keepdim=True)).float()

    def map_threshold(self, percentile: float) -> float:
        return self.map_scale.threshold(percentile)

    @torch.no_grad()
    def reasons(self, bags: Bags, *, count: int) -> list[Reason]:
        """The `count` most anomalous tracks of one bag, each at its highest moment, and the frame's cells.

        The most anomalous first. Without an attribute of regions the cells are all.
        """
        (table,) = tables_of(bags)
        values, relative, examples = self.region_values(table), self.relative(table), self.examples(table)
        combined = self.combined(values, table)
        speed = relative.get("speed", torch.full_like(combined, torch.nan))
        compared = {name: (self.gallery_of(name), rows) for name, rows in examples.items()}
        found = [
            reason_of(table, row, place, combined=combined, values=values, speed=speed, compared=compared)
            for row, place in (strongest(combined, table, count) if self.names else [])
        ]
        if self.with_cells:
            surprise = self.surprise["cells"](self.cells(table.cells))
            ratio, weight = self.cells.ratio(table.cells), self.config.cells_weight
            found.append(reason_of_cells(ratio, surprise, weight=weight))
        return sorted(found, key=lambda each: -each.value)

    def _map(self, table: RegionTable) -> Tensor:
        """[T, h, w], at the proportions of a frame of 3 to 2, because boxes are shares of it."""
        rows = self.config.map_rows
        size = rows, rows * 3 // 2
        maps = painted(table, self.combined(self.region_values(table), table), size=size, nothing=0.0)
        if self.with_cells:
            fast = self.surprise_of_cells(self.cells.ratio(table.cells)).cpu()
            maps = torch.maximum(maps, F.interpolate(fast[:, None], size=size, mode="nearest")[:, 0])
        return self.map_scale.of(maps.to(table.box.device))
