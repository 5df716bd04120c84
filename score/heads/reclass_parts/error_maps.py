"""Where a clip is anomalous: maps of prediction errors, scaled by those of normal clips."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

from score.heads.reclass_parts.clip_inputs import Clips
from score.heads.reclass_parts.people_generator import PLACE, pairs_of
from score.heads.reclass_parts.score_terms import (
    FLOW_PATCH,
    PATCH,
    decibels,
    flow_error,
    frame_error,
    in_worst_patch,
    pair_error,
)
from score.heads.reclass_parts.term_statistics import TermStatistics

NOBODY = -10.0  # far below normal: the map of people is unknown where there are no two people


def error_maps(clips: Clips, generated: dict[str, Tensor], statistics: TermStatistics) -> dict[str, Tensor]:
    """How anomalous each pixel is, on the scale of TermStatistics.of_map: name of MAPS -> [n, k, H, W].

    generated: of RECLASS.generate. The map of people fills their boxes; elsewhere, and for a person who is
    alone, it is NOBODY.
    """
    found = _visual_maps(clips, generated, statistics)
    if "adjacency" in generated:
        found["people"] = boxed(clips, _person_error(clips, generated), outside=-torch.inf)
    return {name: statistics.of_map(name, rows).clamp(min=NOBODY) for name, rows in found.items()}


def highest_values(
    clips: Clips, generated: dict[str, Tensor], statistics: TermStatistics
) -> dict[str, Tensor]:
    """The highest value of each anomaly map before it is scaled: name -> [n, k]; -inf without two people."""
    found = {name: rows.amax(dim=(2, 3)) for name, rows in _visual_maps(clips, generated, statistics).items()}
    if "adjacency" in generated:
        found["people"] = _person_error(clips, generated).amax(dim=2)
    return found


def _visual_maps(clips: Clips, generated: dict[str, Tensor], statistics: TermStatistics) -> dict[str, Tensor]:
    """Errors of frames and of flow in dB, [n, k, H, W]."""
    error = frame_error(clips, generated["now"], generated["following"])
    found = {"appearance": _patches(decibels(error, statistics.picture_place), PATCH)}
    if "flow" in generated:
        error = _patches(decibels(flow_error(clips, generated["flow"]), statistics.flow_place), FLOW_PATCH)
        found["motion"] = F.interpolate(error, size=clips.frames.shape[-2:], mode="bilinear")
    return found


def _patches(values: Tensor, patch: int) -> Tensor:
    """Spread the error of a patch over its pixels, because the score is that of a patch."""
    return in_worst_patch(values.flatten(0, 1), patch).unflatten(0, values.shape[:2])


def _person_error(clips: Clips, generated: dict[str, Tensor]) -> Tensor:
    """The error of each person's worst pair: [n, k, P]; -inf for a person who is alone."""
    pairs = pairs_of(clips.people.flatten(0, 1)).unflatten(0, clips.people.shape[:2])
    return pair_error(clips, generated["adjacency"]).masked_fill(~pairs, -torch.inf).amax(dim=3)


def boxed(clips: Clips, value: Tensor, *, outside: float = 0.0) -> Tensor:
    """Values of people [n, k, P] in their boxes, the highest where boxes overlap: [n, k, H, W]."""
    height, width = clips.frames.shape[-2:]
    down = (torch.arange(height, device=value.device) + 0.5) / height
    across = (torch.arange(width, device=value.device) + 0.5) / width
    x, y, w, h = (part[..., None] for part in clips.nodes[..., :PLACE].unbind(dim=3))
    inside = ((down - y).abs() <= h / 2)[..., :, None] & ((across - x).abs() <= w / 2)[..., None, :]
    inside = inside & clips.people[..., None, None]
    return torch.where(inside, value[..., None, None], outside).amax(dim=2)
