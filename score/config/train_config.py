"""The section train: epochs, batches, optimizer, and which epoch is kept."""

from __future__ import annotations

from dataclasses import field
from typing import Annotated, Literal

from pydantic import Field

from score.config.optimizer_config import OptimizerConfig
from score.settings import MOST, Count, DropoutRate, Share, settings


@settings
class TrainConfig:
    """How a seed is trained."""

    # At most; patience may end training earlier. 0 is for --from alone: it only validates anew.
    epochs: Annotated[int, Field(ge=0, le=MOST)] = 30
    # Batches per epoch; None = as many as it takes for every video to be drawn.
    steps_per_epoch: Count | None = None
    # Videos per batch.
    batch: Count = 60
    # Share of anomalous videos in a batch: 0.5 is 1:1, 0.4 is 40:60; None draws videos regardless of class.
    anomalous_share: Share | None = 0.5
    # Batches whose gradients make one step of the optimizer, where memory cannot hold a larger batch.
    accumulate: Count = 1
    # "bfloat16" runs the head under autocast; losses, weights and scoring stay float32. Can speed up large
    # heads on a GPU.
    precision: Literal["float32", "bfloat16"] = "float32"
    optimizer: OptimizerConfig = field(default_factory=OptimizerConfig)
    # Share of the drawn videos of a class that come from lists of feedback, which are few and must count.
    feedback_share: Share = 0.25
    # Decay of a running average of the weights, which is then validated and kept; 0 = none.
    average: DropoutRate = 0.0
    # Share of the training videos that is held out, by video and group; ignored with --val.
    validation_share: Annotated[float, Field(ge=0, le=0.5)] = 0.2
    # Which videos are held out. The same for all seeds of a run, so that they differ by training alone.
    validation_seed: Annotated[int, Field(ge=0)] = 0
    # "best" keeps the epoch with the best validation video AUC, on a tie the one with the lowest loss;
    # "last" keeps the last epoch.
    select: Literal["best", "last"] = "best"
    # Stop after this many epochs without a better one; 0 = never.
    patience: Annotated[int, Field(ge=0)] = 0

    def __post_init__(self):
        if self.batch == 1 and self.anomalous_share is not None and 0 < self.anomalous_share < 1:
            raise ValueError(
                "a batch of 1 cannot hold both classes; use anomalous_share=null, or a larger batch"
            )
