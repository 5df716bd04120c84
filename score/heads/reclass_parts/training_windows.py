"""Windows of clips to train on, around what moves: most of a picture is background that is soon learnt."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

from score.heads.reclass_parts.clip_inputs import Clips

RESTING = 1e-3  # how often a cell without motion is chosen, relative to one with the mean speed


def draw_windows(speed: Tensor, *, size: tuple[int, int], side: int, count: int) -> Tensor:
    """`count` windows of each clip: int64 [n * count, 3], clip, top and left.

    speed: [n, R, C]; a cell is the middle of a window as often as it moves, as far as the frame of this size
    allows. side: of a window, in pixels, at most that of the frame.
    """
    rows, columns = speed.shape[1:]
    chance = speed.float().nan_to_num(0.0, posinf=0.0).clamp(min=0).flatten(1)
    chance = chance + RESTING * chance.mean(dim=1, keepdim=True) + 1e-9
    cell = chance.multinomial(count, replacement=True).flatten()
    clip = torch.arange(len(speed), device=speed.device).repeat_interleave(count)
    jitter = torch.rand(2, len(cell), device=speed.device)
    places = []
    for number, cells, whole, moved in zip(
        (cell // columns, cell % columns), (rows, columns), size, jitter, strict=True
    ):
        middle = (number + moved) / cells * whole
        places.append((middle - side / 2).round().long().clamp(0, max(0, whole - side)))
    return torch.stack([clip, *places], dim=1)


def cut(rows: Tensor, windows: Tensor, side: int) -> Tensor:
    """[n, ..., H, W] -> the windows [m, ..., side, side], smaller where the frame is."""
    found = [rows[clip, ..., top : top + side, left : left + side] for clip, top, left in windows.tolist()]
    return torch.stack(found)


def windows_of(clips: Clips, windows: Tensor, side: int) -> Clips:
    """The clips of these windows; each keeps the people of the whole frame."""
    clip = windows[:, 0]
    pixels = {
        name: cut(getattr(clips, name), windows, side)
        for name in ("frames", "following", "motion", "median")
        if getattr(clips, name) is not None
    }
    whole = {name: getattr(clips, name)[clip] for name in ("shown", "nodes", "adjacency", "people")}
    return clips._replace(**pixels, **whole)


def on_cells(maps: Tensor, shape: tuple[int, int]) -> Tensor:
    """The mean of maps [..., H, W] in each of R x C cells: [..., R, C]."""
    flat = maps.reshape(-1, 1, *maps.shape[-2:])
    return F.adaptive_avg_pool2d(flat, shape).reshape(*maps.shape[:-2], *shape)
