"""The section fusion: what is done to the features of each store, and where they are joined."""

from __future__ import annotations

from typing import Literal

from score.settings import Count, DropoutRate, settings

Norm = Literal["none", "layer", "l2", "balance"]


@settings
class FusionConfig:
    """How one head takes the features of several stores; by default as one long vector.

    A value for each store is written {PRESET: value}; stores that are not named keep the default. Where all
    features of a store are 0 for an instance, as after dropout, they are 0 for the head too.
    """

    # "early" concatenates the features for one head. "late" trains a head of these settings on each store and
    # averages their scores.
    mode: Literal["early", "late"] = "early"
    # Of the features of each instance, store by store. "layer": layer norm with learnt scale and shift. "l2":
    # length 1. "balance": one factor per store, so that standardised features of all stores have the same
    # mean square length, however many they are.
    norm: Norm | dict[str, Norm] = "none"
    # Features that a learnt linear map makes of each store's, after the norm; null leaves them.
    width: Count | dict[str, Count] | None = None
    # Probability that a store is left out of a video in a training step; one always stays. For "early".
    dropout: DropoutRate = 0.0
    # Weights of the scores in "late": "equal", or chosen in each epoch by the AUC of the validation videos.
    weights: Literal["equal", "validation"] = "equal"

    def __post_init__(self):
        if self.mode == "late" and self.dropout:
            raise ValueError(
                f"dropout is {self.dropout:g} with mode late, where a head sees one store; use mode=early"
            )
        if self.mode == "early" and self.weights != "equal":
            raise ValueError(f"weights is {self.weights} with mode early, which has one score; use mode=late")
