"""Presets of mtn: a short schedule, and that of the framework."""

from __future__ import annotations

from score.config.data_config import DataConfig
from score.config.optimizer_config import OptimizerConfig
from score.config.presets.short_data import WIDE_DATA
from score.config.run_config import RunConfig
from score.config.train_config import TrainConfig
from score.heads.mtn import MTNConfig
from score.pooling.rules import SegmentsConfig

MTN = RunConfig(
    name="mtn",
    # The cross-entropy of the attention memorises videos before it finds segments; sparse scores help.
    head=MTNConfig(width=128, bag_weight=0.2, sparsity_weight=0.5),
    data=WIDE_DATA,
    train=TrainConfig(
        epochs=30,
        batch=32,
        validation_share=0.0,
        select="last",
        optimizer=OptimizerConfig(
            name="adamw", lr=1e-3, weight_decay=1e-2, schedule="cosine", warmup=0.05, clip_norm=1.0
        ),
    ),
)
# The framework's schedule: 100 epochs of batches of 16, patience 10.
MTN_ICTAI22 = RunConfig(
    name="mtn",
    head=MTNConfig(),
    data=DataConfig(segments=SegmentsConfig(mode="none")),
    train=TrainConfig(
        epochs=100,
        batch=16,
        patience=10,
        optimizer=OptimizerConfig(
            name="adam", lr=1e-4, weight_decay=1e-4, schedule="cosine", warmup=0.05, clip_norm=1.0
        ),
    ),
)
