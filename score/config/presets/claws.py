"""Presets of claws and claws-plus: a short schedule, and what the papers describe."""

from __future__ import annotations

from score.config.data_config import DataConfig
from score.config.optimizer_config import OptimizerConfig
from score.config.run_config import RunConfig
from score.config.train_config import TrainConfig
from score.heads.claws import CLAWSConfig
from score.heads.claws_plus import CLAWSPlusConfig
from score.pooling.rules import SegmentsConfig

# Gates of mean 1 and all windows of a video per step, because the published scale and single windows need
# their 100,000 steps. Clustering weighs more than regression; at the published 8e-5 it has no effect on a
# short run. Rows of wide features are shortened: with C3D's 4,096 at full length, steps of RMSprop were too
# large (video AUC 0.564 on two folds of UCF-Crime's training videos, shortened 0.887).
CLAWS_SHORT = TrainConfig(
    epochs=40,
    batch=60,
    validation_share=0.0,
    select="last",  # all videos train, so none can select an epoch
    optimizer=OptimizerConfig(name="rmsprop", lr=1e-3, schedule="cosine", clip_norm=1.0),
)
CLAWS = RunConfig(
    name="claws",
    head=CLAWSConfig(
        window=32, hidden=(128, 32), gate_scale="mean1", temporal_batch="all", cluster_weight=1.0
    ),
    data=DataConfig(segments=SegmentsConfig(mode="none"), standardise="width"),
    train=CLAWS_SHORT,
)
CLAWS_PLUS = RunConfig(
    name="claws-plus",
    head=CLAWSPlusConfig(
        window=32,
        hidden=(128, 32),
        gate_scale="mean1",
        temporal_batch="all",
        cluster_weight=3.0,
        cluster_reach=1.0,
        compactness_share=0.1,  # noisy features have few rows within 0.25, and separation helps more
    ),
    data=DataConfig(segments=SegmentsConfig(mode="none"), standardise="width"),
    train=CLAWS_SHORT,
)

# One window of one video per step, 100,000 steps, lr / 10 after 80,000. Departure: videos are drawn
# uniformly, not windows.
CLAWS_PUBLISHED = TrainConfig(
    epochs=100,
    steps_per_epoch=1000,
    batch=1,
    anomalous_share=None,
    validation_share=0.0,
    select="last",
    optimizer=OptimizerConfig(name="rmsprop", lr=1e-4, schedule="multistep", milestones=(80,)),
)
CLAWS_ECCV20 = RunConfig(
    name="claws",
    head=CLAWSConfig(cluster_rows="ungated"),
    data=DataConfig(segments=SegmentsConfig(mode="none")),
    train=CLAWS_PUBLISHED,
)
CLAWS_PLUS_TNNLS23 = RunConfig(
    name="claws-plus",
    head=CLAWSPlusConfig(),
    data=DataConfig(segments=SegmentsConfig(mode="none")),
    train=CLAWS_PUBLISHED,
)
