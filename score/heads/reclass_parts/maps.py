"""Where a clip is unusual: maps of what was not predicted, and Grad-CAM of what a score looked at.

Grad-CAM: Selvaraju et al., ICCV 2017 (https://arxiv.org/abs/1610.02391). Its average of the gradient over all
places assumes that a channel means the same everywhere; where the worst patch decides, that is not so, and
the gradient of each place is taken instead: HiResCAM, Draelos & Carin (https://arxiv.org/abs/2011.08891).
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from score.heads.reclass_parts.clip_inputs import Clips
from score.heads.reclass_parts.people_generator import PLACE, pairs_of
from score.heads.reclass_parts.terms import (
    FLOW_PATCH,
    PATCH,
    TermStatistics,
    decibels,
    flow_error,
    in_worst_patch,
    pair_error,
    picture_error,
)

NOBODY = -10.0  # far below what is usual: a map of people says nothing where no two people are


def unusual_maps(clips: Clips, made: dict[str, Tensor], statistics: TermStatistics) -> dict[str, Tensor]:
    """How unusual each pixel is, on the scale of TermStatistics.of_map: name of MAPS -> [n, k, H, W].

    made: of the generators. People are unusual in the whole of their boxes; elsewhere, and where somebody is alone, the
    map of people is NOBODY.
    """
    found = _seen_maps(clips, made, statistics)
    if "adjacency" in made:
        found["people"] = boxed(clips, _person_error(clips, made), outside=-torch.inf)
    return {name: statistics.of_map(name, rows).clamp(min=NOBODY) for name, rows in found.items()}


def highest_values(clips: Clips, made: dict[str, Tensor], statistics: TermStatistics) -> dict[str, Tensor]:
    """The highest value of each map of unusual_maps before it is scaled: name -> [n, k]; -inf where nobody is."""
    found = {name: rows.amax(dim=(2, 3)) for name, rows in _seen_maps(clips, made, statistics).items()}
    if "adjacency" in made:
        found["people"] = _person_error(clips, made).amax(dim=2)
    return found


def _seen_maps(clips: Clips, made: dict[str, Tensor], statistics: TermStatistics) -> dict[str, Tensor]:
    """dB of what is missed of pictures and of flow, [n, k, H, W]."""
    error = picture_error(clips, made["now"], made["following"])
    found = {"appearance": _patches(decibels(error, statistics.picture_place), PATCH)}
    if "flow" in made:
        error = _patches(decibels(flow_error(clips, made["flow"]), statistics.flow_place), FLOW_PATCH)
        found["motion"] = F.interpolate(error, size=clips.frames.shape[-2:], mode="bilinear")
    return found


def _patches(values: Tensor, patch: int) -> Tensor:
    """Those of the worst patch that a pixel lies in: what is judged is a patch, and all of it is unusual."""
    return in_worst_patch(values.flatten(0, 1), patch).unflatten(0, values.shape[:2])


def _person_error(clips: Clips, made: dict[str, Tensor]) -> Tensor:
    """What is missed of each person's closeness to the one for whom most is missed: [n, k, P]; -inf without another."""
    pairs = pairs_of(clips.people.flatten(0, 1)).unflatten(0, clips.people.shape[:2])
    return pair_error(clips, made["adjacency"]).masked_fill(~pairs, -torch.inf).amax(dim=3)


def boxed(clips: Clips, value: Tensor, *, outside: float = 0.0) -> Tensor:
    """Values of people [n, k, P] in their boxes, the highest where several are: [n, k, H, W]."""
    height, width = clips.frames.shape[-2:]
    down = (torch.arange(height, device=value.device) + 0.5) / height
    across = (torch.arange(width, device=value.device) + 0.5) / width
    x, y, w, h = (part[..., None] for part in clips.nodes[..., :PLACE].unbind(dim=3))
    inside = ((down - y).abs() <= h / 2)[..., :, None] & ((across - x).abs() <= w / 2)[..., None, :]
    inside = inside & clips.people[..., None, None]
    return torch.where(inside, value[..., None, None], outside).amax(dim=2)


def grad_cam(
    layer: nn.Module, target: Callable[[], Tensor], *, averaged: bool = False, channels: int = 1
) -> Tensor:
    """What the output of a layer, [N, C, ...], gave to a scalar: [N, ...], at least 0.

    target: computes the scalar through the layer; gradients are enabled while it does. averaged: as in
    Grad-CAM, else as in HiResCAM. channels: their axis.
    """
    kept: list[Tensor] = []
    handle = layer.register_forward_hook(lambda module, inputs, output: kept.append(output))
    try:
        with torch.enable_grad():
            value = target()
            (gradient,) = torch.autograd.grad(value, kept[-1:])
    finally:
        handle.remove()
    activation = kept[-1].detach()
    if averaged:
        places = [axis for axis in range(1, gradient.dim()) if axis != channels]
        gradient = gradient.mean(dim=places, keepdim=True)
    return (gradient * activation).sum(dim=channels).relu()
