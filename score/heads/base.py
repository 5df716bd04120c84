"""The interface of a head: bags in, scores out, named losses beside them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from torch import Tensor, nn

from score.bags.bags import Bags, BagSpec


@dataclass
class HeadOutput:
    """segment_score [B, T] and video_score [B], both in [0, 1]; aux holds what losses and plots need."""

    segment_score: Tensor
    video_score: Tensor
    aux: dict[str, Tensor] = field(default_factory=dict)


class Head(nn.Module):
    """A trained network of stage 2; the same call in training and in evaluation.

    config_class: its settings, the first argument of its constructor.
    players: one optimizer each; only adversarial heads have more than one.
    one_class: trained on normal videos only.
    arrays: of the store's arrays those that it takes in place of features (Bags.arrays), "?" behind the name
    of one that may be absent.
    with_maps: it also says where in the picture (score.scoring.anomaly_maps).
    """

    config_class: type
    players: tuple[str, ...] = ("head",)
    one_class: bool = False
    arrays: tuple[str, ...] = ()
    with_maps: bool = False

    def __init__(self, config, bag_spec: BagSpec):
        super().__init__()
        self.config = config
        self.bag_spec = bag_spec

    def forward(self, bags: Bags) -> HeadOutput:
        raise NotImplementedError

    def losses(self, output: HeadOutput, bags: Bags, player: str = "head") -> dict[str, Tensor]:
        """Named scalar terms, already weighted; the loop sums them. Selects by bags.label, never by position.

        A batch without anomalous or without normal bags gives zeros where a term needs both.
        """
        raise NotImplementedError

    def parameters_of(self, player: str) -> list[nn.Parameter]:
        """What the player's optimizer moves. With several players each names a submodule of its own."""
        module = self if len(self.players) == 1 else getattr(self, player)
        return [parameter for parameter in module.parameters() if parameter.requires_grad]

    def calibrate(self, batches: Iterable[Bags]) -> None:
        """Set buffers that scoring needs (thresholds, means of terms) from all training bags.

        batches: may be gone through several times, each time with every bag once. Called before the head is judged and
        at the end, in evaluation mode and without gradients. Most heads need nothing.
        """

    def watched(self, player: str = "head") -> dict[str, Tensor]:
        """What the log shows beside the terms of the last call of losses, such as an accuracy; scalars."""
        return {}
