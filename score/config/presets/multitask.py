"""Presets of multitask: a short schedule, and that of the framework."""

from __future__ import annotations

from score.config.data_config import DataConfig
from score.config.optimizer_config import OptimizerConfig
from score.config.presets.short_data import WIDE_DATA
from score.config.run_config import RunConfig
from score.config.train_config import TrainConfig
from score.heads.multitask_parts.multitask_config import MultitaskConfig
from score.pooling.rules import SegmentsConfig

MULTITASK = RunConfig(
    name="multitask",
    # Windows that short videos fill, with a future after them. The published 7 million parameters memorise
    # 160 videos in three epochs.
    head=MultitaskConfig(window=8, stride=4, width=64, recurrent=32, latent=16),
    data=WIDE_DATA,
    train=TrainConfig(
        epochs=15,
        batch=32,
        validation_share=0.0,
        select="last",
        optimizer=OptimizerConfig(
            name="adamw", lr=2e-3, weight_decay=1e-2, schedule="onecycle", warmup=0.2, clip_norm=1.0
        ),
    ),
)
# The framework's schedule: AdamW with one cycle up to 1e-3, patience 15. Its batch of 2 x 64 counts windows.
MULTITASK_ONECYCLE = RunConfig(
    name="multitask",
    head=MultitaskConfig(),
    data=DataConfig(segments=SegmentsConfig(mode="none"), standardise="feature"),
    train=TrainConfig(
        epochs=100,
        batch=32,
        patience=15,
        optimizer=OptimizerConfig(
            name="adamw", lr=1e-3, weight_decay=0.01, schedule="onecycle", warmup=0.2, clip_norm=1.0
        ),
    ),
)
