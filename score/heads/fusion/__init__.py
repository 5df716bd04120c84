"""How one head takes the features of several stores: joined, or each in a head of its own."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from score.bags.bags import BagSpec
from score.heads.base import Head
from score.heads.fusion.early_fusion import EarlyFusion
from score.heads.fusion.fusion_config import FusionConfig
from score.heads.fusion.late_fusion import LateFusion

__all__ = ["FusionConfig", "fused"]


def fused(head_class: type[Head], config: Any, fusion: FusionConfig, bag_spec: BagSpec) -> Head:
    """The head with these settings, with fresh weights drawn from torch's random state.

    With the default settings of fusion it is the head itself, on the concatenated features.
    """
    if fusion.mode == "late":
        single = replace(fusion, mode="early", weights="equal")
        chosen = fusion.weights == "validation"
        return LateFusion(
            lambda spec: fused(head_class, config, single, spec), bag_spec, choose_weights=chosen
        )
    if fusion == FusionConfig():
        return head_class(config, bag_spec)
    return EarlyFusion(head_class, config, fusion, bag_spec)
