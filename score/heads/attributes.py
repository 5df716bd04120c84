"""One class, by attributes of regions: how fast, how restless, what it looks like, which pose (after AI-VAD).

Reiss & Hoshen, arXiv 2212.00789: the density of normal attributes, without any gradient. Here speeds are
relative to what is usual at that height of the picture, crops are compared in the directions in which normal
ones differ, and values are means along the track of the region.
"""

from __future__ import annotations

from collections.abc import Iterable

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from score.bags.bags import Bags, BagSpec
from score.heads.attributes_parts.attributes_config import AttributesConfig
from score.heads.attributes_parts.crop_space import CropSpace
from score.heads.attributes_parts.exemplars import POSE_WIDTH, Exemplars, examples_of, poses_of
from score.heads.attributes_parts.frame_cells import FrameCells
from score.heads.attributes_parts.gallery import Gallery
from score.heads.attributes_parts.normal_regions import NormalRegions, kept_crops, normal_tables
from score.heads.attributes_parts.place_scale import PlaceScale
from score.heads.attributes_parts.reasons import Reason, reason_of, reason_of_cells, strongest
from score.heads.attributes_parts.region_maps import painted
from score.heads.attributes_parts.region_shapes import ARRAYS, SPEEDS, check_shapes, speed_columns
from score.heads.attributes_parts.region_table import USUAL_RATE, RegionTable, tables_of
from score.heads.attributes_parts.surprise import Surprise
from score.heads.base import Head, HeadOutput
from score.heads.layers.map_scale import MapScale
from score.heads.speed_parts.time_average import gaussian_average


class Attributes(Head):
    """Compares the regions of each frame with those of normal frames."""

    config_class = AttributesConfig
    players = ()
    one_class = True
    with_maps = scores_frames = True
    arrays = ARRAYS

    def __init__(self, config: AttributesConfig, bag_spec: BagSpec):
        super().__init__(config, bag_spec)
        check_shapes(shapes := bag_spec.array_shapes)
        self._columns = speed_columns(config, shapes)
        self.names = [*self._columns]
        self._places = {name: PlaceScale() for name in ("speed", *self.names)}
        for name, place in self._places.items():
            self.add_module(f"{name}_place", place)
        self.gallery = nn.ModuleDict()
        if "crop_feature" in shapes and config.crop_weight:
            self.names.append("crop")
            self.crop_space = CropSpace(shapes["crop_feature"][-1], config.crop_width)
            self.gallery["crop"] = Gallery(config.gallery, self.crop_space.directions.shape[1])
        if "region_pose" in shapes and config.pose_weight:
            self.names.append("pose")
            self.gallery["pose"] = Gallery(config.gallery, POSE_WIDTH)
        self.with_cells = "speed" in shapes and config.cells_weight > 0
        if self.with_cells:
            self.cells = FrameCells(shapes["speed"][0], line=config.cells_line)
        if not self.names and not self.with_cells:
            raise ValueError(
                "the weights leave only attributes that the store lacks; a store has cells unless "
                "regions.cells is false, crops unless regions.crops is none, and poses with "
                "regions.detector=keypointrcnn"
            )
        whole = ["cells"] if self.with_cells else []
        self.surprise = nn.ModuleDict({name: Surprise() for name in self.names + whole})
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

    def region_values(self, table: RegionTable) -> dict[str, Tensor]:
        """Attribute -> [T, P], how surprising it is in each region; 0 where it is unknown or nothing is."""
        return {name: self.surprise[name](rows) for name, rows in self._relative(table).items()}

    def combined(self, values: dict[str, Tensor], table: RegionTable) -> Tensor:
        """The weighted sum of the attributes of regions [T, P]."""
        total = torch.zeros(table.track.shape, device=table.box.device)
        for name, rows in values.items():
            total += getattr(self.config, f"{name}_weight") * rows
        return total

    @torch.no_grad()
    def fit(self, batches: Iterable[Bags]) -> None:
        """Passes over the normal videos: for places and directions, for cells, and for the gallery of crops.

        The values of a video for the scales come from the examples of the other videos, so that no region is
        its own neighbour; parts of a single video stand for videos. What is collected of all videos lies on
        the CPU, and so does the head meanwhile. Raises ValueError without any region, unless cells alone
        count.
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
            surprise = self.surprise["cells"]
            assert isinstance(surprise, Surprise)
            surprise.fit(torch.cat([self.cells(table.cells) for table in tables.values()]))
        if self.names and not any(table.present.any() for table in tables.values()):
            raise ValueError(f"no region in {len(tables)} normal videos: there is nothing to compare with")
        raw = {
            name: {video: table.speed[..., column] for video, table in tables.items()}
            for name, column in self._columns.items()
        }
        if "crop" in self.names:
            self.crop_space.fit(normal)
            examples = kept_crops(batches, self.crop_space, every=normal.every)
            raw["crop"] = self._gallery("crop").fit(examples, tables)
        if "pose" in self.names:
            examples = {video: poses_of(table) for video, table in tables.items()}
            raw["pose"] = self._gallery("pose").fit(examples, tables)
        relative = {name: self._fit_scale(name, tables, raw[name]) for name in self.names}
        highest = []
        for video, table in tables.items():
            values = {name: self.surprise[name](rows[video]) for name, rows in relative.items()}
            highest.append(table.highest(self.combined(values, table)))
            if self.with_cells:
                fast = self.surprise_of_cells(self.cells.ratio(table.cells).flatten(1).amax(dim=1))
                highest[-1] = torch.maximum(highest[-1], fast)
        self.map_scale.fit(torch.cat(highest))

    def _fit_scale(
        self, name: str, tables: dict[int, RegionTable], raw: dict[int, Tensor]
    ) -> dict[int, Tensor]:
        """Fit the scales of one attribute. Returns its values as `_relative` gives them, of each video."""
        averaged = {video: self._averaged(table, raw[video]) for video, table in tables.items()}
        if name in SPEEDS:
            values = torch.cat([rows.flatten() for rows in averaged.values()])
            bottom = torch.cat([tables[video].box[..., 3].flatten() for video in averaged])
            percentile, width = self.config.percentile, self.config.place_width
            self._places[name].fit(values, bottom, percentile=percentile, width=width)
        relative = {video: self._at_place(name, tables[video], rows) for video, rows in averaged.items()}
        highest = torch.cat([rows.nan_to_num(nan=-torch.inf).amax(dim=1) for rows in relative.values()])
        surprise = self.surprise[name]
        assert isinstance(surprise, Surprise)
        surprise.fit(highest[highest.isfinite()])
        return relative

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
        values, relative, examples = self.region_values(table), self._relative(table), self.examples(table)
        combined = self.combined(values, table)
        speed = relative.get("speed", torch.full_like(combined, torch.nan))
        compared = {name: (self._gallery(name), rows) for name, rows in examples.items()}
        found = [
            reason_of(table, row, place, combined=combined, values=values, speed=speed, compared=compared)
            for row, place in (strongest(combined, table, count) if self.names else [])
        ]
        if self.with_cells:
            surprise = self.surprise["cells"](self.cells(table.cells))
            ratio, weight = self.cells.ratio(table.cells), self.config.cells_weight
            found.append(reason_of_cells(ratio, surprise, weight=weight))
        return sorted(found, key=lambda each: -each.value)

    def _relative(self, table: RegionTable) -> dict[str, Tensor]:
        """Attribute -> [T, P], relative to what is usual at the place, as a mean along the track."""
        raw = {name: table.speed[..., column] for name, column in self._columns.items()}
        for name, examples in self.examples(table).items():
            raw[name] = examples.spread(self._gallery(name).compare(examples.rows).ratio, table.track)
        return {name: self._at_place(name, table, self._averaged(table, raw[name])) for name in self.names}

    def _at_place(self, name: str, table: RegionTable, values: Tensor) -> Tensor:
        """Speeds relative to what is usual at the place; ratios of distances as they are."""
        return self._places[name](values, table.box[..., 3]) if name in SPEEDS else values

    def examples(self, table: RegionTable) -> dict[str, Exemplars]:
        """What is compared with the gallery of each attribute that has one."""
        space = self.crop_space if "crop" in self.names else None
        return examples_of(table, space=space, pose="pose" in self.names)

    def _gallery(self, name: str) -> Gallery:
        gallery = self.gallery[name]
        assert isinstance(gallery, Gallery)
        return gallery

    def _averaged(self, table: RegionTable, raw: Tensor) -> Tensor:
        reach = max(1, round(self.config.reach * table.rate / USUAL_RATE))
        return table.along_tracks(raw.masked_fill(~table.present, torch.nan), reach=reach)

    def _map(self, table: RegionTable) -> Tensor:
        """[T, h, w], at the proportions of a frame of 3 to 2, because boxes are shares of it."""
        rows = self.config.map_rows
        size = rows, rows * 3 // 2
        maps = painted(table, self.combined(self.region_values(table), table), size=size, nothing=0.0)
        if self.with_cells:
            fast = self.surprise_of_cells(self.cells.ratio(table.cells)).cpu()
            maps = torch.maximum(maps, F.interpolate(fast[:, None], size=size, mode="nearest")[:, 0])
        return self.map_scale.of(maps.to(table.box.device))
