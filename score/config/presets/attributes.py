"""The preset of attributes: the kinds are those of AI-VAD, settings were chosen on training videos alone."""

from __future__ import annotations

from score.config.data_config import DataConfig
from score.config.run_config import RunConfig
from score.config.train_config import TrainConfig
from score.heads.attributes_parts.attributes_config import AttributesConfig
from score.pooling.rules import SegmentsConfig

# No rate, no epoch to select and no chance: two passes over all regions of all normal videos.
ATTRIBUTES = RunConfig(
    name="attributes",
    head=AttributesConfig(motion="higher"),
    data=DataConfig(segments=SegmentsConfig(mode="none")),
    train=TrainConfig(
        epochs=1, steps_per_epoch=1, batch=1, anomalous_share=None, validation_share=0.0, select="last"
    ),
)
