"""Settings of claws and claws-plus: a short schedule of our own, and what the papers describe."""

from __future__ import annotations

from score.config.data import DataConfig
from score.config.optimizer import OptimizerConfig
from score.config.run import RunConfig, TrainConfig
from score.heads.claws import CLAWSConfig
from score.heads.claws_plus import CLAWSPlusConfig
from score.pooling.rules import SegmentsConfig

# Gates of mean 1 and whole videos a step: the published scale and one window a step need their 100,000 steps.
# The clustering terms weigh more than the regression: at the published 8e-5 a short run does not notice them.
CLAWS_SHORT = TrainConfig(
    epochs=40,
    batch=60,
    validation_share=0.0,
    select="last",  # every video trains: the last epoch needs no judge
    optimizer=OptimizerConfig(name="rmsprop", lr=1e-3, schedule="cosine", clip_norm=1.0),
)
CLAWS = RunConfig(
    name="claws",
    head=CLAWSConfig(
        window=32, hidden=(128, 32), gate_scale="mean1", temporal_batch="all", cluster_weight=1.0
    ),
    data=DataConfig(segments=SegmentsConfig(mode="none"), standardise="feature"),
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
        compactness_share=0.1,  # in noisy features few rows are within 0.25, and parting helps more
    ),
    data=DataConfig(segments=SegmentsConfig(mode="none"), standardise="feature"),
    train=CLAWS_SHORT,
)

# One window of one video a step, 100,000 steps, lr / 10 after 80,000. Videos are drawn evenly, not windows.
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
    head=CLAWSConfig(),
    data=DataConfig(segments=SegmentsConfig(mode="none")),
    train=CLAWS_PUBLISHED,
)
CLAWS_PLUS_TNNLS23 = RunConfig(
    name="claws-plus",
    head=CLAWSPlusConfig(),
    data=DataConfig(segments=SegmentsConfig(mode="none")),
    train=CLAWS_PUBLISHED,
)
