"""Bilinear resizes without antialias: a pixel is mixed from its four nearest, however much the frame shrinks.

Networks were trained on such pixels where a library resized that way, so they differ by library.
"""

from __future__ import annotations

import functools

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import interpolate

CV2_WEIGHT = 2048  # OpenCV's INTER_RESIZE_COEF_SCALE


def torch_bilinear(frames: Tensor, shape: tuple[int, int]) -> Tensor:
    """uint8 [n, 3, H, W] -> uint8 [n, 3, *shape], as torchvision resizes tensors with antialias=False."""
    # halves go to the even level, and bilinear weights cannot leave 0..255
    return torch_bilinear_float(frames, shape).round().to(torch.uint8)


def torch_bilinear_float(frames: Tensor, shape: tuple[int, int]) -> Tensor:
    """uint8 [n, 3, H, W] -> float32 [n, 3, *shape] in 0..255, not rounded, as pytorchvideo resizes."""
    return interpolate(frames.float(), size=shape, mode="bilinear", align_corners=False)


def cv2_bilinear(frames: Tensor, shape: tuple[int, int]) -> Tensor:
    """uint8 [n, 3, H, W] -> uint8 [n, 3, *shape], as cv2.resize does with INTER_LINEAR."""
    if frames.device.type != "cpu":
        return cv2_integers(frames, shape)
    import cv2  # 18 MB and a tenth of a second that other filters do without

    # a fiftieth of the time of the same integers in torch
    pictures = np.ascontiguousarray(frames.permute(0, 2, 3, 1).numpy())
    resized = [cv2.resize(each, shape[::-1], interpolation=cv2.INTER_LINEAR) for each in pictures]
    return torch.from_numpy(np.stack(resized)).permute(0, 3, 1, 2)


def cv2_integers(frames: Tensor, shape: tuple[int, int]) -> Tensor:
    """cv2_bilinear in OpenCV's own fixed point, equal to it to the level, on any device."""
    rows, columns = (
        _cv2_taps(size_in, size_out, rows=dim == 0)
        for dim, (size_in, size_out) in enumerate(zip(frames.shape[-2:], shape, strict=True))
    )
    pixels = frames.to(torch.int32)
    wide = _mixed(pixels, columns, dim=-1)
    # four bits are dropped before the second product and sixteen after it
    (first, second), (upper, lower) = _neighbours(wide >> 4, rows, dim=-2)
    return (((first * upper >> 16) + (second * lower >> 16) + 2) >> 2).to(torch.uint8)


def _mixed(pixels: Tensor, taps: tuple[np.ndarray, np.ndarray], *, dim: int) -> Tensor:
    (first, second), (one, other) = _neighbours(pixels, taps, dim=dim)
    return first * one + second * other


def _neighbours(
    pixels: Tensor, taps: tuple[np.ndarray, np.ndarray], *, dim: int
) -> tuple[list[Tensor], list[Tensor]]:
    """(the two neighbours of every new place along dim, their weights in a shape that multiplies)."""
    places, weights = (torch.from_numpy(each).to(pixels.device) for each in taps)
    shape = (-1, 1) if dim == -2 else (-1,)
    return (
        [pixels.index_select(dim, place) for place in places],
        [weight.reshape(shape) for weight in weights],
    )


@functools.lru_cache(maxsize=64)
def _cv2_taps(size_in: int, size_out: int, *, rows: bool) -> tuple[np.ndarray, np.ndarray]:
    """(int64 [2, size_out] places, int32 [2, size_out] weights in 1/2048) of the two neighbours."""
    scale = 1.0 / (size_out / size_in)
    position = ((np.arange(size_out) + 0.5) * scale - 0.5).astype(np.float32)
    first = np.floor(position).astype(np.int64)
    part = position - first.astype(np.float32)
    if not rows:
        # beyond the border columns count whole, while rows keep both halves of the same row
        part[(first < 0) | (first >= size_in - 1)] = 0
    weights = np.rint(np.stack([1 - part, part]) * np.float32(CV2_WEIGHT)).astype(np.int32)
    return np.clip(np.stack([first, first + 1]), 0, size_in - 1), weights


# filter -> how it resizes
PLAIN = {
    "bilinear-plain": torch_bilinear,
    "bilinear-float": torch_bilinear_float,
    "bilinear-cv2": cv2_bilinear,
}
