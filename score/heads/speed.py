"""The baseline of one-class detection: what moves faster than anything did at that height of the picture.

Nothing is learnt but a scale per row of cells, which stands for the perspective: far away, the same speed is
fewer pixels. A head that claims to detect anomalies on a static camera should beat it.
"""

from __future__ import annotations

from collections.abc import Iterable

import torch
from torch import Tensor

from score.bags.bags import Bags, BagSpec
from score.heads.base import Head, HeadOutput
from score.heads.layers.map_scale import MapScale
from score.heads.speed_parts.fastest_cells import fastest, relative_speed, row_scale
from score.heads.speed_parts.time_average import gaussian_average, time_reach
from score.settings import Count, NotNegative, settings


@settings
class SpeedConfig:
    """What counts as fast. The preset has a line and four cells; checkpoints of before, neither."""

    # Percentile of the speeds in a row of cells, over all normal frames, that counts as 1.
    percentile: float = 99.9
    # A straight line through the scales of the rows, as flat ground has it before one camera.
    line: bool = False
    # The score of a frame is the mean of this many cells, the fastest ones.
    cells: Count = 8
    # Standard deviation of a Gaussian along time, in segments (frames); 0 = none.
    smoothing: NotNegative = 5.0
    # Smallest scale, in frame heights per second; rows in which nothing moved have no scale of their own.
    least: NotNegative = 0.02

    def __post_init__(self):
        if not 0 < self.percentile <= 100:
            raise ValueError(f"percentile is {self.percentile:g}, expected above 0 and at most 100")


class Speed(Head):
    """Compares the speed of each place with what is normal at its height: one number per row of cells."""

    config_class = SpeedConfig
    players = ()
    one_class = True
    with_maps = True
    scores_frames = True
    arrays = ("speed",)

    # Speed that counts as 1 in each row of cells, [R], in frame heights per second.
    scale: Tensor

    def __init__(self, config: SpeedConfig, bag_spec: BagSpec):
        super().__init__(config, bag_spec)
        shape = bag_spec.array_shapes["speed"]
        if len(shape) != 2:
            raise ValueError(
                f"speed has the shape {list(shape)} per segment, expected rows and columns of cells"
            )
        self.register_buffer("scale", torch.ones(shape[0]))
        self.map_scale = MapScale()

    @classmethod
    def look_ahead(cls, config: SpeedConfig) -> int | None:
        return time_reach(config.smoothing)

    def forward(self, bags: Bags) -> HeadOutput:
        """Scores are x / (1 + x), with x = 1 for the speed that the percentile of normal frames has."""
        ratio = self.ratio(bags.arrays["speed"])
        value = fastest(ratio, self.config.cells)
        value = gaussian_average(value, bags.mask, deviation=self.config.smoothing)
        score = (value / (1 + value)).masked_fill(~bags.mask, 0.0)
        return HeadOutput(score, score.amax(dim=1))

    def ratio(self, speed: Tensor) -> Tensor:
        """Speed relative to what is normal in its row: [..., R, C] -> float32 of the same shape."""
        return relative_speed(speed, self.scale, least=self.config.least)

    @torch.no_grad()
    def fit(self, batches: Iterable[Bags]) -> None:
        """Set the scale of each row in one pass over the normal frames, and that of the maps in another."""
        config = self.config
        scale = row_scale(
            (_normal(bags) for bags in batches),
            len(self.scale),
            percentile=config.percentile,
            line=config.line,
            least=config.least,
            device=self.scale.device,
        )
        self.scale.copy_(scale)
        highest = [self.ratio(_normal(bags)).flatten(1).amax(dim=1) for bags in batches]
        self.map_scale.fit(torch.cat(highest))

    @torch.no_grad()
    def frame_maps(self, bags: Bags) -> dict[str, Tensor]:
        return {"motion": self.map_scale.of(self.ratio(bags.arrays["speed"]))}

    @torch.no_grad()
    def frame_attention(self, bags: Bags) -> Tensor:
        """The share of each cell in the score of its frame, relative to the fastest: [B, T, R, C]."""
        ratio = self.ratio(bags.arrays["speed"])
        cells = ratio.flatten(-2)
        least = cells.topk(min(self.config.cells, cells.shape[-1]), dim=-1).values[..., -1, None, None]
        return ratio * (ratio >= least) / ratio.amax(dim=(-2, -1), keepdim=True).clamp(min=1e-9)

    def map_threshold(self, percentile: float) -> float:
        return self.map_scale.threshold(percentile)


def _normal(bags: Bags) -> Tensor:
    """The maps of all frames of normal bags: [n, R, C]."""
    return bags.arrays["speed"][bags.mask & (bags.label < 0.5)[:, None]]
