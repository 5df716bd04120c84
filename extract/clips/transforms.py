"""Turns uint8 frames into the scaled crops that a network takes, on the device that holds the frames.

On the CPU an antialiased resize equals PIL's to the grey level (which most published protocols used);
elsewhere uint8 antialiasing does not exist, so it is done in float32 and rounded, within 0.1 grey level on
average. Resizes without antialias are those of plain_resize.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from extract.clips.pil_resize import pil_resize
from extract.clips.plain_resize import PLAIN


def resized_shape(height: int, width: int, *, size: int | tuple[int, int]) -> tuple[int, int]:
    """(height, width) after resizing.

    mode: short_side keeps the aspect ratio and floors the long side, exact gives size itself, (height,
    width).
    """
    if not isinstance(size, int):
        return size[0], size[1]
    short, long = min(height, width), max(height, width)
    long = int(size * long / short)
    return (size, long) if height <= width else (long, size)


def resize(frames: Tensor, *, mode: str, size: int | tuple[int, int], filter: str) -> Tensor:
    """uint8 [n, 3, H, W] -> [n, 3, H', W'], uint8, or float32 if the filter does not round.

    filter: a key of extract.presets.preset_parts.RESIZE_FILTERS. A frame's pixels do not depend on the frames
    that are resized with it.
    """
    height, width = frames.shape[-2:]
    shape = resized_shape(height, width, size=size)
    if shape == tuple(frames.shape[-2:]):
        return frames
    if filter in PLAIN:
        return PLAIN[filter](frames, shape)
    # torch has no Lanczos, and the error of its 16-bit weights is larger when the sides shrink differently
    if filter == "lanczos" or mode == "exact":
        return pil_resize(frames, shape, filter=filter)
    # the calls that torchvision's resize makes, without its import, which brings torch's compiler
    if frames.device.type == "cpu":
        return F.interpolate(frames, list(shape), mode=filter, align_corners=False, antialias=True)
    smooth = F.interpolate(frames.float(), list(shape), mode=filter, align_corners=False, antialias=True)
    return smooth.round().clamp(0, 255).to(torch.uint8)


def _center(frames: Tensor, size: int) -> list[Tensor]:
    """The window of torchvision's center_crop: half a pixel is rounded to the even side."""
    top, left = (round((side - size) / 2) for side in frames.shape[-2:])
    return [frames[..., top : top + size, left : left + size]]


def _corners(frames: Tensor, size: int) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    return (
        frames[..., :size, :size],
        frames[..., :size, -size:],
        frames[..., -size:, :size],
        frames[..., -size:, -size:],
    )


def _five_torchvision(frames: Tensor, size: int) -> list[Tensor]:
    return [*_corners(frames, size), *_center(frames, size)]


def _ten_torchvision(frames: Tensor, size: int) -> list[Tensor]:
    return _five_torchvision(frames, size) + _five_torchvision(frames.flip(-1), size)


def _five_gowtham(frames: Tensor, size: int) -> list[Tensor]:
    top_left, top_right, bottom_left, bottom_right = _corners(frames, size)
    return [top_left, top_right, *_center(frames, size), bottom_left, bottom_right]


def _ten_gowtham(frames: Tensor, size: int) -> list[Tensor]:
    return _five_gowtham(frames, size) + _five_gowtham(frames.flip(-1), size)


def _ten_vadclip(frames: Tensor, size: int) -> list[Tensor]:
    five = [*_center(frames, size), *_corners(frames, size)]
    return five + [view.flip(-1) for view in five]


# Name -> function of frames [..., H, W] and size; mirrored crops are the same windows of the mirrored frame.
CROPS = {
    "center": _center,
    "five-torchvision": _five_torchvision,  # top left, top right, bottom left, bottom right, centre
    "ten-torchvision": _ten_torchvision,  # the five, then the five of the mirrored frame
    "five-gowtham": _five_gowtham,  # top left, top right, centre, bottom left, bottom right
    "ten-gowtham": _ten_gowtham,
    # centre, top left, top right, bottom left, bottom right, then each of them mirrored: as torchvision's
    # ten views, but for the order, and for which corner of the mirrored frame comes when
    "ten-vadclip": _ten_vadclip,
}


def crop(frames: Tensor, *, layout: str, size: int) -> list[Tensor]:
    """[..., H, W] -> C views [..., size, size]. Raises ValueError for frames smaller than the crop."""
    height, width = frames.shape[-2:]
    if min(height, width) < size:
        raise ValueError(f"frames of {width}x{height} are smaller than the crop of {size}x{size}")
    return CROPS[layout](frames, size)


def network_input(
    views: list[Tensor], *, batch_size: int, mean: tuple[float, ...], std: tuple[float, ...]
) -> Tensor:
    """n views [L, channels, S, S] -> float [batch_size, channels, L, S, S], scaled, zeros after the n.

    In memory [batch_size, L, S, S, channels], as networks run fastest.
    """
    length, channels, height, width = views[0].shape
    device = views[0].device
    pixels = torch.empty(batch_size, length, height, width, channels, device=device)
    # a batch may have more slots than views
    for place, view in zip(pixels, views, strict=False):
        place.copy_(view.permute(0, 2, 3, 1))
    # [n, L, S, S * channels]: complete lines at a time, which is much faster than pixels of 3 channels
    lines = pixels[: len(views)].flatten(3)
    offset, divisor = (torch.tensor(each, device=device).repeat(width) for each in (mean, std))
    lines.sub_(offset).div_(divisor)
    pixels[len(views) :] = 0
    return pixels.permute(0, 4, 1, 2, 3)


def scale(pixels: Tensor, *, mean: tuple[float, ...], std: tuple[float, ...], dim: int = 0) -> Tensor:
    """(x - mean) / std per channel, x on 0..255 (flow: quantised levels, or the clamped value)."""
    shape = [1] * pixels.dim()
    shape[dim] = -1
    offset = torch.tensor(mean, device=pixels.device).reshape(shape)
    return (pixels.float() - offset) / torch.tensor(std, device=pixels.device).reshape(shape)
