"""The interface of a head: bags in, scores out, and named losses, or a fit without gradients."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from torch import Tensor, nn

from score.bags.bags import Bags, BagSpec


@dataclass
class HeadOutput:
    """Scores in [0, 1]; higher is more anomalous.

    segment_score: [B, T], 0 where an instance is padding. video_score: [B]. aux: what losses and plots need.
    """

    segment_score: Tensor
    video_score: Tensor
    aux: dict[str, Tensor] = field(default_factory=dict)


class Head(nn.Module):
    """A trained network of stage 2; the same call in training and in evaluation."""

    # The class of its settings, the first argument of the constructor.
    config_class: type
    # One optimizer each; only adversarial heads have several. () for a head that learns by `fit` instead.
    players: tuple[str, ...] = ("head",)
    # Whether it trains on normal videos only.
    one_class: bool = False
    # Arrays of the store that it takes instead of features (Bags.arrays); "?" after a name means optional.
    arrays: tuple[str, ...] = ()
    # Whether it also localises anomalies in the frame (score.scoring.anomaly_maps).
    with_maps: bool = False
    # Whether it compares features with texts of the classes (BagSpec.texts), and learns vectors without them.
    takes_texts: bool = False
    # Whether a segment stands for a frame, so that maps are made by `frame_maps`.
    scores_frames: bool = False

    def __init__(self, config, bag_spec: BagSpec):
        super().__init__()
        self.config = config
        self.bag_spec = bag_spec

    @classmethod
    def look_ahead(cls, _config: Any) -> int | None:
        """Instances after its own that a score may depend on, at most; None: all that follow.

        Takes a config of the class config_class.
        """
        raise NotImplementedError

    @classmethod
    def grid(cls, _config: Any) -> int:
        """Instances from one place to the next at which a bag may begin later without other scores.

        Heads that cut a bag into windows count them from its first instance.
        """
        return 1

    def forward(self, bags: Bags) -> HeadOutput:
        raise NotImplementedError

    def losses(self, output: HeadOutput, bags: Bags, player: str = "head") -> dict[str, Tensor]:
        """The player's loss as named scalar terms, already weighted; training minimises their sum.

        Bags are selected by bags.label, never by position. A term that needs both classes is 0 for a batch
        with one.
        """
        raise NotImplementedError

    def fit(self, batches: Iterable[Bags]) -> None:
        """Learn from all training bags at once: what heads without players do instead of `losses`.

        batches: may be iterated several times; each pass yields every segment once, in pieces of videos.
        Called once per epoch, in evaluation mode; the same bags give the same head, whatever the seed.
        """
        raise NotImplementedError

    def parameters_of(self, player: str) -> list[nn.Parameter]:
        """What the player's optimizer updates. Of several players each is the name of a submodule."""
        module = self if len(self.players) == 1 else getattr(self, player)
        return [parameter for parameter in module.parameters() if parameter.requires_grad]

    def calibrate(self, batches: Iterable[Bags]) -> None:
        """Set buffers that scoring needs, such as means of terms, from all training bags.

        batches: may be iterated several times; each pass yields every bag once. Called before validation and
        after the last epoch, in evaluation mode and without gradients.
        """

    def fit_weights(self, batches: Iterable[Bags]) -> None:
        """Choose how parts of the head are weighed, from all validation bags.

        Called after calibrate, before those bags are scored, in evaluation mode and without gradients.
        """

    def frame_maps(self, bags: Bags) -> dict[str, Tensor]:
        """Anomaly maps of heads whose segments are frames: name -> [B, T, h, w].

        On the scale of score.scoring.anomaly_maps.AnomalyMaps.
        """
        raise NotImplementedError

    def frame_attention(self, bags: Bags) -> Tensor:
        """What the scores of these frames rest on: [B, T, h, w] in [0, 1]; beside frame_maps."""
        raise NotImplementedError

    def map_threshold(self, percentile: float) -> float:
        """The map value that this percentage of the normal training frames stays below; above 0."""
        raise NotImplementedError

    def watched(self, _player: str = "head") -> dict[str, Tensor]:
        """Scalars that are logged with the terms of the last call of `losses`, such as an accuracy."""
        return {}
