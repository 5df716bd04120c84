"""PIL's antialiased resize as two matrix products, for Lanczos, which torch lacks, and for more precision.

The products hold PIL's own integers, which float64 adds without any rounding, so that neither the order of
the sums, nor the device, nor the number of frames can change a pixel.
"""

from __future__ import annotations

import functools

import numpy as np
import torch
from torch import Tensor


def _bilinear(x: np.ndarray) -> np.ndarray:
    return np.maximum(1 - np.abs(x), 0)


def _bicubic(x: np.ndarray) -> np.ndarray:
    # PIL's a; that of OpenCV, and of torch without antialiasing, is -0.75
    x, a = np.abs(x), -0.5
    near = ((a + 2) * x - (a + 3)) * x * x + 1
    far = ((x - 5) * x + 8) * x * a - 4 * a
    return np.where(x < 1, near, np.where(x < 2, far, 0.0))


def _lanczos(x: np.ndarray) -> np.ndarray:
    return np.where(np.abs(x) < 3, np.sinc(x) * np.sinc(x / 3), 0.0)


# PIL's PRECISION_BITS: weights are whole numbers of 2**-22
PRECISION = 1 << (32 - 8 - 2)
# filter -> its kernel, and how far that reaches in pixels
KERNELS = {"bilinear": (_bilinear, 1.0), "bicubic": (_bicubic, 2.0), "lanczos": (_lanczos, 3.0)}


@functools.lru_cache(maxsize=64)
def resize_matrix(size_in: int, size_out: int, filter: str) -> np.ndarray:
    """float64 [size_out, size_in]: a row of weights per output pixel in 2**-22, cut at the borders."""
    kernel, reach = KERNELS[filter]
    ratio = size_in / size_out
    # shrinking widens the window, so that every pixel counts
    stretch = max(ratio, 1.0)
    centers = (np.arange(size_out) + 0.5) * ratio
    first = np.maximum((centers - reach * stretch + 0.5).astype(int), 0)
    last = np.minimum((centers + reach * stretch + 0.5).astype(int), size_in)
    position = np.arange(size_in)
    weights = kernel((position[None] - centers[:, None] + 0.5) / stretch)
    weights[(position[None] < first[:, None]) | (position[None] >= last[:, None])] = 0.0
    exact = weights / weights.sum(1, keepdims=True) * PRECISION
    # halves go away from zero
    return np.trunc(exact + np.copysign(0.5, exact))


def pil_resize(frames: Tensor, shape: tuple[int, int], *, filter: str) -> Tensor:
    """uint8 [..., H, W] -> uint8 [..., *shape]: columns first, rounded between the passes, as PIL does."""
    pixels = frames.double()
    for dim, size in ((-1, shape[1]), (-2, shape[0])):
        if pixels.shape[dim] != size:
            matrix = torch.from_numpy(resize_matrix(pixels.shape[dim], size, filter)).to(frames.device)
            pixels = pixels @ matrix.T if dim == -1 else matrix @ pixels
            pixels = pixels.add(PRECISION // 2).div(PRECISION).floor().clamp(0, 255)
    return pixels.to(torch.uint8)
