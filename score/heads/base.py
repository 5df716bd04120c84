"""The interface of a head: bags in, scores out, named losses beside them."""
from __future__ import annotations

from dataclasses import dataclass, field

from torch import Tensor, nn

from score.bags import Bags


@dataclass
class HeadOutput:
    """segment_score [B, T] and video_score [B], both in [0, 1]; aux holds what losses and plots need."""

    segment_score: Tensor
    video_score: Tensor
    aux: dict[str, Tensor] = field(default_factory=dict)


class Head(nn.Module):
    """A trained network of stage 2; the same call in training and in evaluation.

    players: one optimizer each; only adversarial heads have more than one.
    """

    players: tuple[str, ...] = ("head",)

    def forward(self, bags: Bags) -> HeadOutput:
        raise NotImplementedError

    def losses(self, output: HeadOutput, bags: Bags, player: str = "head") -> dict[str, Tensor]:
        """Named scalar terms, already weighted; the loop sums them. Selects by bags.label, never by position."""
        raise NotImplementedError
