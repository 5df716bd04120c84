"""The interface of a backbone: scaled clips in, one vector a clip out."""

from __future__ import annotations

from torch import Tensor, nn


class Backbone(nn.Module):
    """A frozen network of stage 1.

    name: its key in BACKBONES.
    feature_dim: D of the vector that comes out.
    channels: 3 for RGB, 2 for flow (dx, dy).
    min_length: fewest frames a clip may have.
    exact_length: the only number of frames it takes; None = any number from min_length.
    classifier: prefixes of tensors that published files carry and the vector does not depend on.
    prefix: stands before the published names of tensors in this module's own state.
    """

    name: str = ""
    feature_dim: int
    channels: int = 3
    min_length: int = 1
    exact_length: int | None = None
    classifier: tuple[str, ...] = ()
    prefix: str = ""

    def forward(self, clips: Tensor) -> Tensor:
        """[B, channels, L, H, W], already scaled as the preset says -> [B, feature_dim]."""
        raise NotImplementedError
