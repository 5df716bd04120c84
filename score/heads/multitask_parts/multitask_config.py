"""Settings of the multi-task head."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from score.settings import MOST_LAYERS, Count, Depth, DropoutRate, NotNegative, Share, settings


@settings
class TaskWeights:
    """One number per task."""

    regression: NotNegative = 1.0
    classification: NotNegative = 1.0
    ranking: NotNegative = 1.0
    reconstruction: NotNegative = 1.0


@settings
class MultitaskConfig:
    """Four tasks that share an encoder of windows; defaults are those of the framework it comes from."""

    # Weights of the losses; 0 leaves a task out, including its score.
    weights: TaskWeights = Field(default_factory=lambda: TaskWeights(1.0, 0.5, 0.3, 0.3))
    # Weights of the scores in their mean.
    score_weights: TaskWeights = Field(default_factory=TaskWeights)
    # Instances in a window, and between the starts of neighbouring windows.
    window: Count = 16
    stride: Count = 4
    # Channels of the embedding, and of each direction of the BiLSTM.
    width: Count = 512
    recurrent: Count = 256
    # 0 replaces the BiLSTM by a linear layer.
    recurrent_layers: Annotated[int, Field(ge=0, le=MOST_LAYERS)] = 2
    recurrent_dropout: DropoutRate = 0.5
    # Attention layers after the BiLSTM.
    layers: Depth = 2
    attention_heads: Count = 8
    # Attention adds relative positions, up to max_distance instances apart.
    relative: bool = True
    max_distance: Count = 32
    dropout: DropoutRate = 0.3
    # Dropout in the classifier.
    class_dropout: DropoutRate = 0.5
    # Regression predicts the feature this many instances after a window, projected to future_dim dimensions.
    horizon: Count = 4
    future_dim: Count = 256
    # Which training videos regression and reconstruction learn from.
    expected: Literal["normal", "all"] = "normal"
    # "auto" weights a class by 1 / (number of its videos).
    class_weight: Literal["auto", "none"] = "auto"
    # Exponent of the focal loss.
    focal_gamma: NotNegative = 2.0
    # The class of a video comes from this share of its windows, the most anomalous ones.
    window_share: Share = 0.25
    # Size of the VAE's code, and weight of its KL divergence.
    latent: Count = 64
    kl_weight: NotNegative = 0.01
    # Ranking: anomalous videos should score higher than normal ones by the margin, and above the floor.
    margin: NotNegative = 0.5
    floor: Share = 0.5
    floor_weight: NotNegative = 3.0
    # A video's score is the mean of this share of its instances, at least one.
    top_share: Share = 0.1
