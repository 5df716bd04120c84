"""The regions and crops of all normal videos, collected piece by piece for the fit."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import fields, replace

import torch
from torch import Tensor

from score.bags.bags import Bags
from score.heads.attributes_parts.exemplars import Exemplars, crops_of
from score.heads.attributes_parts.frame_cells import fastest_of_rows
from score.heads.attributes_parts.region_table import NOTHING, RegionTable

MOST_CROPS = 100_000  # crops of which the gallery is chosen; of more, every k-th


class NormalRegions:
    """What one pass over normal bags leaves: per video a table without features, and sums of features."""

    def __init__(self):
        self._pieces: dict[int, list[RegionTable]] = {}
        self.crops = 0
        self.total: Tensor | None = None  # float64 [D]
        self.products: Tensor | None = None  # float64 [D, D]

    def add(self, video: int, table: RegionTable) -> None:
        """The next frames of a video."""
        features = known_numbers(table.feature[table.slot != NOTHING]).double()
        if table.feature.shape[-1]:
            self.crops += len(features)
            sums = features.sum(dim=0), features.T @ features
            self.total, self.products = (
                each if known is None else known + each
                for known, each in zip((self.total, self.products), sums, strict=True)
            )
        light = replace(table, feature=table.feature[..., :0], cells=fastest_of_rows(table.cells))
        self._pieces.setdefault(video, []).append(light)

    def tables(self) -> dict[int, RegionTable]:
        """Video -> its frames, in the order of the videos' numbers."""
        return {video: joined(self._pieces[video]) for video in sorted(self._pieces)}

    @property
    def every(self) -> int:
        """Of the crops of a video, one in this many is kept."""
        return max(1, -(-self.crops // MOST_CROPS))


def known_numbers(features: Tensor) -> Tensor:
    """Features of crops as float32; 0 for what is no number, because a store may come from anybody."""
    return features.float().nan_to_num(0.0, posinf=0.0, neginf=0.0)


def joined(pieces: list[RegionTable]) -> RegionTable:
    """Frames one after another."""
    names = [each.name for each in fields(RegionTable)]
    return RegionTable(*(torch.cat([getattr(piece, name) for piece in pieces]) for name in names))


def normal_tables(batches: Iterable[Bags]) -> Iterator[tuple[int, RegionTable]]:
    """(number of a video, the next frames of it) of the normal bags among pieces of videos."""
    names = getattr(batches, "video_ids", None)
    for bags in batches:
        for place in range(len(bags)):
            if bags.label[place] >= 0.5:
                continue
            shown = bags.mask[place]
            number = place if bags.video is None else int(bags.video[place])
            yield (
                number if names is None else number_of(names[number]),
                RegionTable.of({name: rows[place][shown].cpu() for name, rows in bags.arrays.items()}),
            )


def number_of(name: str) -> int:
    """A number that stands for a video or a group in a checkpoint, whatever the order of the list."""
    return int.from_bytes(hashlib.sha256(name.encode()).digest()[:7], "big")


def groups_of(batches: Iterable[Bags], videos: Collection[int]) -> dict[int, int]:
    """Video -> number of its group; bags that know no groups make each video one of its own."""
    names, groups = (getattr(batches, name, ()) for name in ("video_ids", "groups"))
    known = {number_of(name): number_of(group) for name, group in zip(names, groups, strict=False)}
    return {video: known.get(video, video) for video in videos}


def kept_crops(
    batches: Iterable[Bags], space: Callable[[Tensor], Tensor], *, every: int
) -> dict[int, Exemplars]:
    """Video -> every k-th of its crops in the space in which crops are compared."""
    found: dict[int, list[Exemplars]] = {}
    begin: dict[int, int] = {}
    for video, table in normal_tables(batches):
        crops = crops_of(table).thinned(every)
        first = begin.get(video, 0)
        found.setdefault(video, []).append(Exemplars(space(crops.rows), crops.frame + first, crops.place))
        begin[video] = first + len(table.track)
    return {
        video: Exemplars(*(torch.cat(rows) for rows in zip(*map(_fields, parts), strict=True)))
        for video, parts in sorted(found.items())
    }


def _fields(examples: Exemplars) -> tuple[Tensor, Tensor, Tensor]:
    return examples.rows, examples.frame, examples.place
