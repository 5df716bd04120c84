"""The background of a still camera: a running median of its frames."""

from __future__ import annotations

import torch
from torch import Tensor, nn

STEP = 8 / 255  # the first step towards a frame that differs; later ones shrink with the root of their number


class MedianPicture(nn.Module):
    """Approaches the median of each pixel over all frames seen, in [0, 1], without keeping them.

    A step of equal size for every frame above or below has the median as its fixed point, whatever passes
    through the picture for less than half of the time.
    """

    picture: Tensor  # [3, H, W]
    updates: Tensor

    def __init__(self, size: tuple[int, int]):
        super().__init__()
        self.register_buffer("picture", torch.zeros(3, *size))
        self.register_buffer("updates", torch.zeros((), dtype=torch.int64))

    @torch.no_grad()
    def update(self, frames: Tensor) -> None:
        """frames: [n, 3, H, W]; without any nothing changes."""
        if not len(frames):
            return
        if not self.updates.is_nonzero():
            self.picture.copy_(frames.median(dim=0).values)
        else:
            step = STEP / float(self.updates) ** 0.5
            self.picture += step * (frames - self.picture).sign().mean(dim=0)
        self.updates += 1
