"""What is known of each region: its attributes, how they are relative to normal ones, and how surprising."""

from __future__ import annotations

from collections.abc import Iterable

import torch
from torch import Tensor, nn

from score.bags.bags import Bags, BagSpec
from score.heads.attributes_parts.attributes_config import AttributesConfig
from score.heads.attributes_parts.crop_space import CropSpace
from score.heads.attributes_parts.exemplars import POSE_WIDTH, Exemplars, examples_of, poses_of
from score.heads.attributes_parts.gallery import Gallery
from score.heads.attributes_parts.normal_regions import NormalRegions, groups_of, kept_crops
from score.heads.attributes_parts.place_scale import PlaceScale
from score.heads.attributes_parts.region_shapes import SPEEDS, check_shapes, speed_columns
from score.heads.attributes_parts.region_table import USUAL_RATE, RegionTable
from score.heads.attributes_parts.surprise import Surprise
from score.heads.base import Head


class RegionAttributes(Head):
    """The attributes of regions that weigh something and that the store has; `names` lists them.

    Raises ValueError for arrays of other shapes than those of the preset regions.
    """

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
        self.surprise = nn.ModuleDict({name: Surprise() for name in self.names})

    def region_values(self, table: RegionTable) -> dict[str, Tensor]:
        """Attribute -> [T, P], how surprising it is in each region; 0 where it is unknown or nothing is."""
        return {name: self.surprise[name](rows) for name, rows in self.relative(table).items()}

    def combined(self, values: dict[str, Tensor], table: RegionTable) -> Tensor:
        """The weighted sum of the attributes of regions [T, P].

        With motion=higher the speeds count by the higher one, which weighs as much as both: they measure the
        same motion, so that their sum would hide to-and-fro motion behind a normal speed.
        """
        weights = {name: getattr(self.config, f"{name}_weight") for name in values}
        speeds = [name for name in values if name in SPEEDS]
        if self.config.motion == "higher" and speeds:
            weight = sum(weights.pop(name) for name in speeds)
            total = weight * torch.stack([values[name] for name in speeds]).amax(dim=0)
        else:
            total = torch.zeros(table.track.shape, device=table.box.device)
        for name, weight in weights.items():
            total = total + weight * values[name]
        return total

    def relative(self, table: RegionTable) -> dict[str, Tensor]:
        """Attribute -> [T, P], relative to what is usual at the place, as a mean along the track."""
        raw = {name: table.speed[..., column] for name, column in self._columns.items()}
        for name, examples in self.examples(table).items():
            raw[name] = examples.spread(self.gallery_of(name).compare(examples.rows).ratio, table.track)
        return {name: self._at_place(name, table, self._averaged(table, raw[name])) for name in self.names}

    def examples(self, table: RegionTable) -> dict[str, Exemplars]:
        """What is compared with the gallery of each attribute that has one."""
        space = self.crop_space if "crop" in self.names else None
        return examples_of(table, space=space, pose="pose" in self.names)

    def gallery_of(self, name: str) -> Gallery:
        """The normal examples of one attribute."""
        gallery = self.gallery[name]
        assert isinstance(gallery, Gallery)
        return gallery

    def fit_regions(self, normal: NormalRegions, batches: Iterable[Bags]) -> dict[int, Tensor]:
        """Fit every scale and gallery. Returns of each normal video its highest region a frame, [T].

        The values of a video for the scales come from the examples of the other groups, so that no region is
        its own neighbour, nor one that the same camera saw. Raises ValueError without any region, unless no
        attribute of regions counts.
        """
        tables = normal.tables()
        if self.names and not any(table.present.any() for table in tables.values()):
            raise ValueError(f"no region in {len(tables)} normal videos: there is nothing to compare with")
        raw = {
            name: {video: table.speed[..., column] for video, table in tables.items()}
            for name, column in self._columns.items()
        }
        group = {video: video for video in tables}
        if self.config.apart == "groups":
            group = groups_of(batches, tables)
        if "crop" in self.names:
            self.crop_space.fit(normal)
            examples = kept_crops(batches, self.crop_space, every=normal.every)
            raw["crop"] = self.gallery_of("crop").fit(examples, tables, group)
        if "pose" in self.names:
            examples = {video: poses_of(table) for video, table in tables.items()}
            raw["pose"] = self.gallery_of("pose").fit(examples, tables, group)
        relative = {name: self._fit_scale(name, tables, raw[name]) for name in self.names}
        highest = {}
        for video, table in tables.items():
            values = {name: self.surprise[name](rows[video]) for name, rows in relative.items()}
            highest[video] = table.highest(self.combined(values, table))
        return highest

    def surprise_of(self, name: str) -> Surprise:
        """How surprising the values of one attribute are."""
        surprise = self.surprise[name]
        assert isinstance(surprise, Surprise)
        return surprise

    def _fit_scale(
        self, name: str, tables: dict[int, RegionTable], raw: dict[int, Tensor]
    ) -> dict[int, Tensor]:
        """Fit the scales of one attribute. Returns its values as `relative` gives them, of each video."""
        averaged = {video: self._averaged(table, raw[video]) for video, table in tables.items()}
        if name in SPEEDS:
            values = torch.cat([rows.flatten() for rows in averaged.values()])
            bottom = torch.cat([tables[video].box[..., 3].flatten() for video in averaged])
            percentile, width = self.config.percentile, self.config.place_width
            self._places[name].fit(values, bottom, percentile=percentile, width=width)
        relative = {video: self._at_place(name, tables[video], rows) for video, rows in averaged.items()}
        highest = torch.cat([rows.nan_to_num(nan=-torch.inf).amax(dim=1) for rows in relative.values()])
        self.surprise_of(name).fit(highest[highest.isfinite()])
        return relative

    def _at_place(self, name: str, table: RegionTable, values: Tensor) -> Tensor:
        """Speeds relative to what is usual at the place; ratios of distances as they are."""
        return self._places[name](values, table.box[..., 3]) if name in SPEEDS else values

    def _averaged(self, table: RegionTable, raw: Tensor) -> Tensor:
        reach = max(1, round(self.config.reach * table.rate / USUAL_RATE))
        return table.along_tracks(raw.masked_fill(~table.present, torch.nan), reach=reach)
