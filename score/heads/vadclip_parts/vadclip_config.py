"""Settings of vadclip, with the parts of DSANet as switches."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from score.heads.layers.class_vectors import Adaptation
from score.settings import MOST, Count, Depth, DropoutRate, NotNegative, Positive, Share, settings

Amount = Annotated[int, Field(ge=0, le=MOST)]


@settings
class EncoderSettings:
    """The encoder of a window; defaults are those of the authors' code for UCF-Crime."""

    # Instances that are seen together; longer videos are cut into windows of this length, one after another.
    window: Count = 256
    # Channels. Features of another width pass a learnt linear map, and so do texts.
    width: Annotated[int, Field(ge=2, le=MOST, multiple_of=2)] = 512
    # Attention layers; each instance sees the others of its block of attention_window instances.
    layers: Depth = 2
    attention_window: Count = 8
    # How much wider the hidden layers of networks are.
    expansion: Count = 4
    dropout: DropoutRate = 0.0
    # Instances whose cosine is above this are neighbours in the graph of similarity.
    similar: Annotated[float, Field(ge=-1, le=1)] = 0.7
    # What stands behind the end of a video in its window: "seen" as zeros, like an instance, or "ignored".
    padding: Literal["seen", "ignored"] = "seen"

    def __post_init__(self):
        if self.window % self.attention_window:
            raise ValueError(
                f"window is {self.window}, expected a multiple of attention_window {self.attention_window}"
            )


@settings
class NormalityConfig:
    """Self-guided normality of DSANet, which only training computes."""

    # Weight of its two losses; 0 leaves it out.
    weight: NotNegative = 0.0
    # Share of the instances, those that score lowest, that prototypes are made of.
    share: Annotated[float, Field(gt=0, le=1)] = 0.8
    prototypes: Count = 16
    # Layers that rebuild instances from prototypes, and attention heads.
    layers: Depth = 8
    heads: Count = 8


@settings
class VadCLIPConfig(EncoderSettings):
    """Defaults are those of VadCLIP's code for UCF-Crime."""

    # What training does to the text matrix: adds a learnt "residual", mixes in an "adapter", or nothing.
    # Without a matrix, vectors of the classes are learnt.
    texts: Adaptation = "residual"
    adapter_share: Share = 0.1  # w of DSANet
    # Add what stands out in a window to the vectors of the classes that it is compared with.
    visual_prompt: bool = True
    # Cosines are divided by this.
    temperature: Positive = 0.07
    # Segments are scored by the "binary" branch (AUC1), or by 1 - the probability of Normal ("text", AP2).
    score: Literal["binary", "text"] = "binary"
    # Class probabilities: "softmax" over all classes, or "shared": that of the binary branch, divided over
    # the anomalous classes by their softmax. softness (tau of DSANet) divides all logits before.
    probability: Literal["softmax", "shared"] = "softmax"
    softness: Positive = 1.0
    # Weights of the cross-entropy of classes, and of the cosine of Normal with each other class.
    class_weight: NotNegative = 1.0
    apart_weight: NotNegative = 0.1  # lambda
    # Weight of the cross-entropies of the event's and the background's feature (DSANet); 0 leaves them out.
    event_weight: NotNegative = 0.0
    normality: NormalityConfig = Field(default_factory=NormalityConfig)

    def __post_init__(self):
        super().__post_init__()
        if self.normality.weight and self.width % self.normality.heads:
            raise ValueError(
                f"{self.normality.heads} heads of normality do not divide a width of {self.width}"
            )
