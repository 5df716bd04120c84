"""The section data: from stored segments to the instances that a head sees."""

from __future__ import annotations

from dataclasses import field, replace
from typing import Literal

from score.pooling.rules import SegmentsConfig
from score.settings import DropoutRate, Share, settings


@settings
class DataConfig:
    """How segments become instances, in training and in scoring."""

    # How many instances a video has, and how segments are pooled into them.
    segments: SegmentsConfig = field(default_factory=SegmentsConfig)
    # "pooled" scores the instances of training and spreads their scores back over the segments; "full" scores
    # every segment of the video.
    scoring: Literal["pooled", "full"] = "pooled"
    # "feature" gives each feature mean 0 and deviation 1 over the training segments. "width" does the same
    # and then divides rows of D > 128 features by D / 128. Adaptive optimizers move every weight by about
    # the learning rate, so that a step changes what a layer answers to D standardised features in
    # proportion to D; divided, a step means the same for C3D's 4,096 as for 128.
    standardise: Literal["none", "feature", "width"] = "none"
    # "l2" scales every instance to length 1, after pooling and standardising. "wide" does so only in stores
    # of more than 128 features, where a few rows of large numbers would outweigh all others.
    normalise: Literal["none", "l2", "wide"] = "none"
    # "all" makes every crop of a drawn video its own bag; "random" draws one of them.
    crops: Literal["all", "random"] = "all"
    # Share of the drawn videos whose background is swapped: the median of each feature over the instances
    # of a video is replaced by that of another training video, so that a head cannot recognise videos by
    # their cameras. It grows from 0 to this value between a fifth and a half of the epochs. Scoring swaps
    # nothing.
    exchange: Share = 0.0
    # Probability that a feature is left out of a video in a training step: it is 0 in all instances, and the
    # others are scaled up. Only in stores of more than 128 features, where a head can recognise every
    # training video by a few of them. Scoring leaves nothing out.
    feature_dropout: DropoutRate = 0.0

    def __post_init__(self):
        # Of "wide" only the features say it: score.training.training_data looks at them.
        if self.exchange and self.normalise == "l2":
            raise ValueError(
                f"exchange is {self.exchange:g} with normalise {self.normalise!r}, but swapped rows are not "
                "of length one; use data.normalise=none"
            )

        if self.exchange and self.segments.zeros == "missing":
            raise ValueError(
                f"exchange is {self.exchange:g} with zeros=missing, but swapped rows are never missing"
            )

    @property
    def scoring_segments(self) -> SegmentsConfig:
        """How segments become instances when a video is scored."""
        full = self.scoring == "full" or self.segments.keeps_all
        return replace(self.segments, mode="none") if full else self.segments
