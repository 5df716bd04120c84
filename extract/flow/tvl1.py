"""TV-L1 flow of a batch of pairs, by the fastest implementation for the device."""

from __future__ import annotations

import importlib.util

import torch
from torch import Tensor

from extract.flow.tvl1_reference import tvl1_reference
from extract.flow.tvl1_settings import VARIANTS, TVL1Settings
from extract.runtime.machine.limits import cores

# Device type -> its fastest implementation and the packages it needs.
FASTEST = {"cpu": ("numba", ("numba", "cv2")), "cuda": ("triton", ("triton",))}


def tvl1(
    first: Tensor,
    second: Tensor,
    *,
    settings: TVL1Settings = VARIANTS["opencv"],
    device: torch.device | str | None = None,
    threads: int | None = None,
) -> Tensor:
    """Grey [B, H, W], uint8 or float in 0..255, twice -> flow float32 [B, 2, H, W] in pixels on the device.

    Plane 0 is the motion u in x (right), plane 1 the motion v in y (down): second(x + u, y + v) matches
    first(x, y).
    device: None = that of `first`. threads: of the CPU, one pair each; None = as many as torch uses.
    The flow of a pair does not depend on the other pairs of the batch. Identical images have zero flow and
    cost nothing. Raises ValueError for different or too small shapes.
    """
    if first.ndim != 3 or first.shape != second.shape:
        shapes = f"{tuple(first.shape)} and {tuple(second.shape)}"
        raise ValueError(f"images are {shapes}, expected two of the same shape [B, H, W]")
    settings.pyramid(*first.shape[1:])  # raises for images that are too small
    device = torch.device(device) if device is not None else first.device
    first, second = first.to(device), second.to(device)
    flow = torch.zeros(len(first), 2, *first.shape[1:], device=device)
    # Repeated frames are often identical bit for bit: their flow is zero without any computation.
    moving = (first != second).flatten(1).any(dim=1)
    if moving.any():
        flow[moving] = _flow(first[moving].float(), second[moving].float(), settings, threads)
    return flow


def tvl1_kernels(device: torch.device | str) -> str:
    """The implementation for a device: "numba", "triton" or "torch"."""
    kernels, packages = FASTEST.get(torch.device(device).type, ("torch", ()))
    return kernels if all(importlib.util.find_spec(name) for name in packages) else "torch"


def _flow(first: Tensor, second: Tensor, settings: TVL1Settings, threads: int | None) -> Tensor:
    kernels = tvl1_kernels(first.device)
    if kernels == "numba":
        from extract.flow.tvl1_cpu import tvl1_cpu

        threads = threads or min(torch.get_num_threads(), cores())
        return torch.from_numpy(tvl1_cpu(first.numpy(), second.numpy(), settings, threads=threads))
    if kernels == "triton":
        from extract.flow.tvl1_triton import tvl1_triton

        return tvl1_triton(first, second, settings)
    return tvl1_reference(first, second, settings)
