"""One head on the features of all stores, each with its own norm and projection."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Any

from torch import Tensor, nn

from score.bags.bags import Bags, BagSpec
from score.heads.base import Head, HeadOutput
from score.heads.fusion.fusion_config import FusionConfig
from score.heads.layers.modality_front import ModalityFront
from score.pooling.modality_table import value_of

JOINED = "joined"  # the only modality of the head behind the front


class EarlyFusion(Head):
    """A front for each store, and a head that sees their outputs as one vector.

    Modality dropout as in Neverova et al., TPAMI 2016 (https://arxiv.org/abs/1501.00102), without their
    schedule.
    """

    def __init__(self, head_class: type[Head], config: Any, fusion: FusionConfig, bag_spec: BagSpec):
        super().__init__(config, bag_spec)
        parts = bag_spec.parts
        self.front = ModalityFront(
            parts,
            norms=[value_of(fusion.norm, part.name, part.modality, otherwise="none") for part in parts],
            widths=[value_of(fusion.width, part.name, part.modality, otherwise=None) for part in parts],
            dropout=fusion.dropout,
        )
        self.head = head_class(config, replace(bag_spec, feature_dims={JOINED: self.front.width}, table=()))

    def forward(self, bags: Bags) -> HeadOutput:
        return self.head(self._joined(bags))

    def losses(self, output: HeadOutput, bags: Bags, player: str = "head") -> dict[str, Tensor]:
        return self.head.losses(output, bags, player)

    def parameters_of(self, player: str) -> list[nn.Parameter]:
        return [*self.front.parameters(), *self.head.parameters_of(player)]

    def calibrate(self, batches: Iterable[Bags]) -> None:
        self.head.calibrate(_JoinedBags(self, batches))

    def watched(self, player: str = "head") -> dict[str, Tensor]:
        return self.head.watched(player)

    def _joined(self, bags: Bags) -> Bags:
        return bags.with_features({JOINED: self.front(bags)})


@dataclass(frozen=True)
class _JoinedBags:
    """Bags as the head behind the front sees them, in every iteration."""

    fusion: EarlyFusion
    batches: Iterable[Bags]

    def __iter__(self) -> Iterator[Bags]:
        return (self.fusion._joined(bags) for bags in self.batches)
