"""Scores frame by frame, from maps of cells: how fast each place moves, and how badly it was predicted.

Each map is relative to what is normal at that height of the picture, because far away the same speed is fewer
pixels. Terms are compared by what normal frames have, so that none drowns the others: 0 is the median normal
frame, 1 the 99th percentile.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import torch
from torch import Tensor, nn

from score.heads.layers.map_scale import MapScale
from score.heads.layers.perspective import line_through
from score.heads.reclass_parts.reclass_config import RECLASSConfig
from score.heads.reclass_parts.score_terms import squashed
from score.heads.speed_parts.row_percentiles import RowPercentiles
from score.heads.speed_parts.time_average import gaussian_average

TERMS = ("speed", "appearance")
MOST_RATIO = 1e6
# Maps [n, R, C] of some frames of a video by name, which frames have them, bool [n], and its number.
Maps = tuple[dict[str, Tensor], Tensor, int]


class FrameScores(nn.Module):
    """The statistics of normal frames, and scores relative to them. shape: R rows, C columns of cells."""

    # What counts as 1 in each row of cells: [2, R], in the order of TERMS.
    scale: Tensor

    def __init__(self, config: RECLASSConfig, shape: tuple[int, int]):
        super().__init__()
        self.config, self.shape = config, shape
        self.shares = {name: getattr(config, f"{name}_share") for name in TERMS}
        self.register_buffer("scale", torch.ones(len(TERMS), shape[0]))
        # The scale of each term of a frame, of its highest cell, and of the highest cell of all terms.
        self.of_frame = nn.ModuleDict({name: MapScale() for name in TERMS})
        self.of_cell = nn.ModuleDict({name: MapScale() for name in TERMS})
        self.of_maps = MapScale()

    def ratios(self, maps: dict[str, Tensor]) -> dict[str, Tensor]:
        """Maps [..., R, C] relative to what is normal at their height."""
        least = {"speed": self.config.least_speed, "appearance": self.config.least_error}
        return {
            name: (rows.float() / self.scale[TERMS.index(name)].clamp(min=least[name])[:, None])
            .nan_to_num(0.0, posinf=MOST_RATIO)
            .clamp(0, MOST_RATIO)
            for name, rows in maps.items()
        }

    def terms(self, ratios: dict[str, Tensor], known: Tensor) -> Tensor:
        """The terms of frames [B, T, R, C] on the scale of normal ones: [B, T, 2]. known: bool [B, T]."""
        values = self._values(ratios, known)
        return torch.stack([_scale(self.of_frame, name).of(values[name]) for name in TERMS], dim=2)

    def score(self, terms: Tensor) -> Tensor:
        """The weighted sum of terms [B, T, 2], in (0, 1)."""
        return squashed(terms @ terms.new_tensor([self.shares[name] for name in TERMS]))

    def maps(self, ratios: dict[str, Tensor]) -> dict[str, Tensor]:
        """Anomaly maps of cells, on the scale of AnomalyMaps; terms weigh as in the score."""
        return {name: self.of_maps.of(rows) for name, rows in self._weighted(ratios).items()}

    def attention(self, ratios: dict[str, Tensor]) -> Tensor:
        """The share of each cell in the score of its frame, relative to the highest: [..., R, C], 0 to 1."""
        highest = torch.stack(list(self._weighted(ratios).values())).amax(dim=0).clamp(min=0)
        cells = highest.flatten(-2)
        least = cells.topk(self._count(cells), dim=-1).values[..., -1, None, None]
        return highest * (highest >= least) / highest.amax(dim=(-2, -1), keepdim=True).clamp(min=1e-9)

    def threshold(self, percentile: float) -> float:
        return self.of_maps.threshold(percentile)

    @torch.no_grad()
    def fit(self, normal: Iterable[Maps]) -> None:
        """Set all statistics from the maps of all normal frames, video by video.

        They are kept in half precision until the end, 2.4 kB a frame: 0.2 GB for an hour at 25 per second.
        """
        rows = [RowPercentiles(self.shape[0], device=self.scale.device) for _ in TERMS]
        moving = self.scale.new_zeros(self.shape[0], dtype=torch.float64)
        videos = []
        for maps, known in _whole_videos(normal):
            shown = {name: each[known] for name, each in maps.items()}
            moving += (shown["speed"] > self.config.least_speed).double().sum(dim=(0, 2))
            for name, counts in zip(TERMS, rows, strict=True):
                counts.add(shown[name])
            videos.append(({name: each.half().cpu() for name, each in maps.items()}, known))
        if not videos:
            return
        for place, counts in enumerate(rows):
            self.scale[place] = line_through(counts.at(self.config.percentile), moving)
        frames, cells = ({name: [] for name in TERMS} for _ in range(2))
        for maps, known in videos:
            ratios = self.ratios({name: each[None].to(self.scale) for name, each in maps.items()})
            for name, values in self._values(ratios, known[None]).items():
                frames[name].append(values[0][known])
                cells[name].append(ratios[name][0][known].flatten(1).amax(dim=1))
        self._fit_scales(
            {name: torch.cat(each) for name, each in frames.items()},
            {name: torch.cat(each) for name, each in cells.items()},
        )

    def _fit_scales(self, frames: dict[str, Tensor], cells: dict[str, Tensor]) -> None:
        """frames: the term of each normal frame, [F]. cells: its highest cell, [F]."""
        weighted = []
        for name in TERMS:
            _scale(self.of_frame, name).fit(frames[name])
            of_cell = _scale(self.of_cell, name)
            of_cell.fit(cells[name])
            weighted.append(self.shares[name] * of_cell.of(cells[name]))
        self.of_maps.fit(torch.stack(weighted).amax(dim=0))

    def _values(self, ratios: dict[str, Tensor], known: Tensor) -> dict[str, Tensor]:
        """The mean of the highest cells of each frame, averaged along time: name -> [B, T]."""
        found = {}
        for name, rows in ratios.items():
            cells = rows.flatten(-2)
            values = cells.topk(self._count(cells), dim=-1).values.mean(dim=-1)
            found[name] = gaussian_average(values, known, deviation=self.config.smoothing)
        return found

    def _weighted(self, ratios: dict[str, Tensor]) -> dict[str, Tensor]:
        return {
            name: self.shares[name] * _scale(self.of_cell, name).of(rows)
            for name, rows in ratios.items()
            if self.shares[name]
        }

    def _count(self, cells: Tensor) -> int:
        return min(self.config.cells, cells.shape[-1])


def _scale(scales: nn.ModuleDict, name: str) -> MapScale:
    scale = scales[name]
    assert isinstance(scale, MapScale)
    return scale


def _whole_videos(parts: Iterable[Maps]) -> Iterator[tuple[dict[str, Tensor], Tensor]]:
    """Pieces of videos, joined because frames are averaged along time: maps [T, R, C], known [T]."""
    kept: list[Maps] = []

    def joined() -> tuple[dict[str, Tensor], Tensor]:
        maps = {name: torch.cat([part[0][name] for part in kept]) for name in kept[0][0]}
        return maps, torch.cat([part[1] for part in kept])

    for part in parts:
        if kept and part[2] != kept[-1][2]:
            yield joined()
            kept = []
        kept.append(part)
    if kept:
        yield joined()
