"""The preset of speed: line and cells chosen on training videos by scripts/experiments/planted_speed.py."""

from __future__ import annotations

from score.config.data_config import DataConfig
from score.config.run_config import RunConfig
from score.config.train_config import TrainConfig
from score.heads.speed import SpeedConfig
from score.pooling.rules import SegmentsConfig

# One pass over all frames of all normal videos; there is no rate, no epoch to select and no chance.
SPEED = RunConfig(
    name="speed",
    head=SpeedConfig(line=True, cells=4),
    data=DataConfig(segments=SegmentsConfig(mode="none")),
    train=TrainConfig(
        epochs=1, steps_per_epoch=1, batch=1, anomalous_share=None, validation_share=0.0, select="last"
    ),
)
