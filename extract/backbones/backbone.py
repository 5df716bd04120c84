"""The interface of a backbone: scaled clips in, one feature vector per clip out."""

from __future__ import annotations

from torch import Tensor, nn


class PublishedNetwork(nn.Module):
    """A frozen network whose parameters come from a published file (see extract.weights)."""

    # Its key in BACKBONES, or among the known weights.
    name: str = ""
    # Prefixes of tensors that published files contain and the output does not depend on.
    classifier: tuple[str, ...] = ()
    # What precedes the published tensor names in this module's own state dict.
    prefix: str = ""


class Backbone(PublishedNetwork):
    """A frozen network of stage 1 that turns clips into features."""

    # D, the length of the feature vector.
    feature_dim: int
    # 3 for RGB, 2 for flow (dx, dy).
    channels: int = 3
    # Fewest frames a clip may have.
    min_length: int = 1
    # The only number of frames it accepts; None = any number from min_length.
    exact_length: int | None = None

    def forward(self, clips: Tensor) -> Tensor:
        """[B, channels, L, H, W], already scaled as the preset says -> [B, feature_dim]."""
        raise NotImplementedError
