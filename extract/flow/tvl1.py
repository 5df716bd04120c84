"""TV-L1 flow of a batch of pairs, by the fastest implementation that the device has."""

from __future__ import annotations

import importlib.util
import os

import torch
from torch import Tensor

from extract.flow.tvl1_reference import tvl1_reference
from extract.flow.tvl1_settings import VARIANTS, TVL1Settings


def tvl1(
    first: Tensor,
    second: Tensor,
    *,
    settings: TVL1Settings = VARIANTS["opencv"],
    device: torch.device | str | None = None,
    threads: int | None = None,
) -> Tensor:
    """Grey [B, H, W], uint8 or float on 0..255, twice -> flow float32 [B, 2, H, W] on the device, in pixels.

    Plane 0 is the motion in x (to the right), plane 1 in y (down): second(x + u, y + v) looks like first(x,
    y).
    device: None = where first is. threads: of the CPU, one pair each; None = as many as torch uses.
    The flow of a pair does not depend on the other pairs of the batch; identical pictures have flow zero and
    cost nothing.
    Raises ValueError for shapes that do not fit.
    """
    if first.ndim != 3 or first.shape != second.shape:
        shapes = f"{tuple(first.shape)} and {tuple(second.shape)}"
        raise ValueError(f"pictures are {shapes}, expected twice the same [B, H, W]")
    settings.pyramid(*first.shape[1:])
    device = torch.device(device) if device is not None else first.device
    first, second = first.to(device), second.to(device)
    flow = torch.zeros(len(first), 2, *first.shape[1:], device=device)
    moving = (first != second).flatten(1).any(dim=1)
    if moving.any():
        flow[moving] = _flow(first[moving].float(), second[moving].float(), settings, threads)
    return flow


def tvl1_kernels(device: torch.device | str) -> str:
    """Which implementation computes on the device: "numba", "triton" or "torch"."""
    device = torch.device(device)
    wanted = {"cpu": "numba", "cuda": "triton"}.get(device.type)
    needs = {"numba": ("numba", "cv2"), "triton": ("triton",)}.get(wanted, ())
    return wanted if wanted and all(importlib.util.find_spec(name) for name in needs) else "torch"


def _flow(first: Tensor, second: Tensor, settings: TVL1Settings, threads: int | None) -> Tensor:
    kernels = tvl1_kernels(first.device)
    if kernels == "numba":
        from extract.flow.tvl1_cpu import tvl1_cpu

        threads = threads or min(torch.get_num_threads(), os.cpu_count() or 1)
        return torch.from_numpy(tvl1_cpu(first.numpy(), second.numpy(), settings, threads=threads))
    if kernels == "triton":
        from extract.flow.tvl1_triton import tvl1_triton

        return tvl1_triton(first, second, settings)
    return tvl1_reference(first, second, settings)
