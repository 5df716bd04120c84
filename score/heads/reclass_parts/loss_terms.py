"""Losses of generators and discriminators, as means over the frames that count.

Adversarial losses are least squares on logits (Mao et al., ICCV 2017, https://arxiv.org/abs/1611.04076).
"""

from __future__ import annotations

from torch import Tensor

from score.heads.reclass_parts.clip_inputs import Clips
from score.heads.reclass_parts.frame_generator import half_size
from score.heads.reclass_parts.people_generator import pairs_of


def mean_of(values: Tensor, weight: Tensor) -> Tensor:
    """Weighted mean over n clips and k frames; 0, with a gradient of 0, if all weights are 0.

    values: [n, k, ...], first averaged over all other axes. weight: [n, k].
    """
    values = values.flatten(2).mean(dim=2) if values.dim() > 2 else values
    return (values * weight).sum() / weight.sum().clamp(min=1)


def gradient_difference(generated: Tensor, real: Tensor) -> Tensor:
    """Absolute difference of the absolute image gradients: [n, k, 3, H, W] -> [n, k]."""
    across, down = (
        (generated.diff(dim=axis).abs() - real.diff(dim=axis).abs()).abs().flatten(2).mean(dim=2)
        for axis in (4, 3)
    )
    return across + down


def frame_losses(clips: Clips, now: Tensor, following: Tensor, weight: Tensor) -> dict[str, Tensor]:
    """The terms reconstruction, prediction, gradient and temporal of generated frames [n, k, 3, H, W]."""
    terms = {
        "reconstruction": mean_of((now - clips.frames).abs(), weight),
        "prediction": mean_of((following - clips.following).abs(), weight),
        "gradient": mean_of(gradient_difference(following, clips.following), weight),
    }
    if following.shape[1] > 1:
        change = (following.diff(dim=1) - clips.following.diff(dim=1)).abs()
        terms["temporal"] = mean_of(change, weight[:, 1:] * weight[:, :-1])
    return terms


def flow_loss(clips: Clips, flow: Tensor, weight: Tensor) -> Tensor:
    """L1 error of the expected flow [n, k, 2, h, w]."""
    real = half_size(clips.motion.flatten(0, 1)).unflatten(0, flow.shape[:2])
    return mean_of((flow - real).abs(), weight)


def people_losses(clips: Clips, nodes: Tensor, adjacency: Tensor, weight: Tensor) -> dict[str, Tensor]:
    """The terms nodes and adjacency: masked squared errors of [n, k, P, F] and [n, k, 3, P, P]."""
    pairs = pairs_of(clips.people.flatten(0, 1)).unflatten(0, clips.people.shape[:2])[:, :, None]
    person = (clips.people * weight[..., None]).to(nodes.dtype)[..., None]
    pair = (pairs * weight[..., None, None, None]).to(adjacency.dtype)
    count = pair.sum().clamp(min=1) * adjacency.shape[2]
    persons = person.sum().clamp(min=1) * nodes.shape[-1]
    return {
        "nodes": ((nodes - clips.nodes).square() * person).sum() / persons,
        "adjacency": ((adjacency - clips.adjacency).square() * pair).sum() / count,
    }


def least_squares(logits: Tensor, target: float, weight: Tensor) -> Tensor:
    """Weighted mean of the squared error of logits; target: 1 for real, 0 for generated."""
    return ((logits - target).square() * weight).sum() / weight.sum().clamp(min=1)
