"""What the networks see of a stored clip: some frames, the frames after them, their motion, the people."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

LEVELS = 127.0  # levels of stored flow, so that 1 is where it was clamped (flow.clamp of the spec)
# A cut is where more than CUT_SHARE of the pixels change by more than CHANGED grey levels and the correlation
# is below CUT_CORRELATION, as for motion features in extract. In 64 normal montages of surveillance clips
# this separates 303 pairs of frames (share 0.59 to 0.95, correlation below 0.6) from 8,422 others (share up
# to 0.50, correlation above 0.6).
CHANGED, CUT_SHARE, CUT_CORRELATION = 15.0, 0.45, 0.6


class Clips(NamedTuple):
    """k frames of each of n clips, with at most P people in each.

    frames, following: float [n, k, 3, H, W] in [0, 1]; `following` is the next stored frame of each.
    motion: float [n, k, 2, H, W] in [-1, 1], the flow to the following frame; without flow [n, k, 3, H, W],
    the difference from the previous frame.
    shown: float [n, k], 0 for a pair of frames that does not count: one of them only pads the clip, both
    are the same frame of a video slower than the clips, or a cut separates them (nothing predicts what
    follows a cut).
    nodes: float [n, k, P, F]. adjacency: float [n, k, 3, P, P]. people: bool [n, k, P], whether there is a
    person. P is 0 where the graph is left out.
    median: float [n, 3, H, W], the background of each clip, or None without a median background.
    """

    frames: Tensor
    following: Tensor
    motion: Tensor
    shown: Tensor
    nodes: Tensor
    adjacency: Tensor
    people: Tensor
    median: Tensor | None = None


def places_of(length: int, count: int) -> Tensor:
    """Which frames of a clip are used: int64 [min(count, length - 1)], evenly spaced, never the last one."""
    return torch.linspace(0, length - 2, min(count, length - 1)).round().long()


def clips_of(arrays: dict[str, Tensor], *, frames: int, flow: bool, graph: bool) -> Clips:
    """From stored arrays [n, L, ...], see extract.scene. graph: False leaves the people out."""
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
    count = arrays["node_mask"].shape[2] if graph else 0
    return Clips(
        now,
        following,
        motion,
        shown.float(),
        nodes=arrays["nodes"][:, places, :count],
        adjacency=arrays["adjacency"][:, places, :, :count, :count],
        people=arrays["node_mask"][:, places, :count],
    )


def cuts(before: Tensor, after: Tensor) -> Tensor:
    """Whether a new scene starts between two frames: [n, k, 3, H, W] in [0, 1] -> bool [n, k]."""
    before, after = (255 * each.mean(dim=2).flatten(2) for each in (before, after))
    share = ((before - after).abs() > CHANGED).float().mean(dim=2)
    before, after = (each - each.mean(dim=2, keepdim=True) for each in (before, after))
    power = before.square().mean(dim=2) * after.square().mean(dim=2)
    return (share > CUT_SHARE) & ((before * after).mean(dim=2) / (power + 1).sqrt() < CUT_CORRELATION)


def _pictures(rgb: Tensor) -> Tensor:
    return rgb.movedim(4, 2).float() / 255
