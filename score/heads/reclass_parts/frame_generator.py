"""Frames and motion to a spatial code, and back: only what is normal is generated well.

Prediction of the future frame after Liu et al., CVPR 2018 (https://arxiv.org/abs/1712.09867); flow expected
from the appearance of a frame after Nguyen & Meunier, ICCV 2019 (https://arxiv.org/abs/1908.06351).
Departure: no layer skips the code, because the full-size connections of a U-Net reproduce any input,
anomalies too.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from score.heads.reclass_parts.reclass_config import RECLASSConfig

SLOPE = 0.2
STAGES = 3  # each halves the frame: a code has stride 8
# How much faster than the weights the background learns, because it starts far from its end.
BACKGROUND_RATE = 30.0
# Differences from a median background are this much smaller than pictures.
CONTRAST = 4.0


class FrameOutput(NamedTuple):
    """What is generated from n frames.

    now, following: [n, 3, H, W] in [0, 1]. flow: [n, 2, h, w] at half size, or None. code: [n, K], to be
    compared with that of the people, or None.
    """

    now: Tensor
    following: Tensor
    flow: Tensor | None
    code: Tensor | None


def _conv(inside: int, outside: int, stride: int = 1) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(inside, outside, 3, stride=stride, padding=1),
        nn.GroupNorm(min(4, outside), outside),
        nn.LeakyReLU(SLOPE),
    )


class MapEncoder(nn.Module):
    """[n, C, H, W] -> [n, latent, H / 8, W / 8], rounded up."""

    def __init__(self, channels: int, *, width: int, latent: int):
        super().__init__()
        sizes = [channels, *(width * 2**stage for stage in range(STAGES))]
        stages = [_conv(a, b, stride=2) for a, b in zip(sizes[:-1], sizes[1:], strict=True)]
        self.stages = nn.Sequential(*stages)
        self.latent = nn.Conv2d(sizes[-1], latent, 1)

    def forward(self, maps: Tensor) -> Tensor:
        return self.latent(self.stages(maps))


class MapDecoder(nn.Module):
    """[n, latent, H / 8, W / 8] -> [n, C, *size]; with `half`, half the height and width.

    The last doubling is a pixel shuffle, because convolutions at full size would cost more than all the rest.
    """

    def __init__(self, latent: int, channels: int, *, width: int, half: bool = False):
        super().__init__()
        sizes = [latent, 4 * width, 2 * width]
        self.half_size = half
        self.stages = nn.ModuleList(_conv(a, b) for a, b in zip(sizes[:-1], sizes[1:], strict=True))
        self.out = nn.Conv2d(sizes[-1], channels if half else 4 * channels, 3, padding=1)

    def forward(self, code: Tensor, size: tuple[int, int]) -> Tensor:
        for part, stage in zip((4, 2), self.stages, strict=True):
            code = stage(F.interpolate(code, size=tuple(-(-side // part) for side in size)))
        maps = self.out(code)
        return maps if self.half_size else F.pixel_shuffle(maps, 2)[:, :, : size[0], : size[1]]


class FrameGenerator(nn.Module):
    """E_st, E_flow and G_st: a frame and its motion -> the frame itself, the next one, and the expected flow.

    The expected flow comes from the frame alone, so that motion that does not fit the appearance is not
    reproduced. size: height and width. flow: False if the motion is the difference from the previous frame.
    """

    def __init__(self, config: RECLASSConfig, *, size: tuple[int, int], flow: bool):
        super().__init__()
        width, latent = config.width, config.latent
        self.frame_encoder = MapEncoder(3, width=width, latent=latent)
        self.motion_encoder = MapEncoder(2 if flow else 3, width=width, latent=latent)
        self.decoder = MapDecoder(2 * latent, 6, width=width)
        self.flow_decoder = MapDecoder(latent, 2, width=width, half=True) if flow else None
        # The background model, before the sigmoid.
        self.backdrop = nn.Parameter(torch.zeros(3, *size)) if config.backdrop else None
        self.project = nn.Linear(2 * latent, config.code) if config.graph else None

    def forward(self, frames: Tensor, motion: Tensor, median: Tensor | None = None) -> FrameOutput:
        """frames: [n, 3, H, W] in [0, 1]. motion: flow [n, 2, H, W] or difference [n, 3, H, W] in [-1, 1].

        median: the background of each, [n, 3, H, W]; then only differences from it are encoded and generated.
        """
        size = (frames.shape[-2], frames.shape[-1])
        seen = self.frame_encoder(2 * frames - 1 if median is None else CONTRAST * (frames - median))
        code = torch.cat([seen, self.motion_encoder(motion)], dim=1)
        pictures = self.decoder(code, size)
        if self.backdrop is not None:
            pictures = pictures + BACKGROUND_RATE * self.backdrop.repeat(2, 1, 1)
        if median is None:
            pictures = pictures.sigmoid()
        else:
            pictures = (pictures / CONTRAST + median.repeat(1, 2, 1, 1)).clamp(0, 1)
        now, following = pictures.chunk(2, dim=1)
        flow = None
        if self.flow_decoder is not None:
            flow = self.flow_decoder(seen, size)
        common = None if self.project is None else self.project(code.mean(dim=(2, 3)))
        return FrameOutput(now, following, flow, common)


def half_size(flow: Tensor) -> Tensor:
    """[n, 2, H, W] -> [n, 2, H / 2, W / 2], rounded up, as FrameOutput.flow."""
    return F.avg_pool2d(flow, 2, ceil_mode=True, count_include_pad=False)
