"""What the networks see of stored clips: some frames, those that follow, their flow, the people in them."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

LEVELS = 127.0  # of flow: 1 is where it was cut (flow.clamp of the spec)
# Of a cut: share of the pixels that change by so many grey levels above, and correlation below, as extract has them
# for motion. In 64 normal montages of surveillance clips they part 303 pairs of frames (share 0.59 to 0.95,
# correlation below 0.6) from 8,422 others (share up to 0.50, correlation above 0.6).
CHANGED, CUT_SHARE, CUT_CORRELATION = 15.0, 0.45, 0.6


class Clips(NamedTuple):
    """k frames of each of n clips.

    frames, following: float [n, k, 3, H, W] in [0, 1], what follows is the next stored frame. motion: float
    [n, k, 2, H, W] in [-1, 1], the flow to it, or [n, k, 3, H, W], the difference to the frame before where
    there is no flow. shown: float [n, k], 0 where either frame only fills the clip, where both are the same
    frame of a video slower than the clips, and where a cut parts them: what comes after a cut cannot be expected, and is
    no event. nodes: [n, k, P, F],
    adjacency: [n, k, 3, P, P], people: bool [n, k, P]; None where the graph is left out.
    """

    frames: Tensor
    following: Tensor
    motion: Tensor
    shown: Tensor
    nodes: Tensor | None
    adjacency: Tensor | None
    people: Tensor | None


def places_of(length: int, count: int) -> Tensor:
    """Which frames of a clip are seen: int64 [min(count, length - 1)], evenly apart, never the last one."""
    return torch.linspace(0, length - 2, min(count, length - 1)).round().long()


def clips_of(arrays: dict[str, Tensor], *, frames: int, flow: bool, graph: bool) -> Clips:
    """From arrays as stored, [n, L, ...]; see extract.scene."""
    rgb = arrays["rgb"]
    places = places_of(rgb.shape[1], frames).to(rgb.device)
    now, following = (_pictures(rgb[:, index]) for index in (places, places + 1))
    mask = arrays["frame_mask"]
    moved = arrays["clip_frame"][:, places] != arrays["clip_frame"][:, places + 1]
    shown = mask[:, places] & mask[:, places + 1] & moved & ~cuts(now, following)
    if flow:
        motion = arrays["flow"][:, places].movedim(4, 2).float() / LEVELS
    else:
        before = _pictures(rgb[:, (places - 1).clamp(min=0)])
        motion, shown = now - before, shown & ~cuts(before, now)
    people = (None, None, None)
    if graph:
        people = tuple(arrays[name][:, places] for name in ("nodes", "adjacency", "node_mask"))
    return Clips(now, following, motion, shown.float(), *people)


def cuts(before: Tensor, after: Tensor) -> Tensor:
    """Whether another scene begins between two pictures: [n, k, 3, H, W] in [0, 1] -> bool [n, k]."""
    before, after = (255 * each.mean(dim=2).flatten(2) for each in (before, after))
    share = ((before - after).abs() > CHANGED).float().mean(dim=2)
    before, after = (each - each.mean(dim=2, keepdim=True) for each in (before, after))
    power = before.square().mean(dim=2) * after.square().mean(dim=2)
    return (share > CUT_SHARE) & ((before * after).mean(dim=2) / (power + 1).sqrt() < CUT_CORRELATION)


def _pictures(rgb: Tensor) -> Tensor:
    return rgb.movedim(4, 2).float() / 255
