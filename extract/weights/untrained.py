"""Random weights for trials without any file: reproducible, and with features of ordinary size."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from extract.backbones.backbone import Backbone, PublishedNetwork

CONVOLUTIONS = (nn.Conv1d, nn.Conv2d, nn.Conv3d, nn.Linear)


@torch.no_grad()
def fill_random(backbone: PublishedNetwork, seed: int) -> None:
    """Draw every parameter from the seed, then give each batch normalisation the statistics of a random clip.

    Without them, the features of a deep network with fresh statistics vanish (1e-14 in EfficientNet-B0). The
    statistics are rounded, so that the network does not depend on the last bits of a processor's arithmetic.
    """
    generator = torch.Generator().manual_seed(seed)
    for module in backbone.modules():
        for name, parameter in module.named_parameters(recurse=False):
            _draw(parameter, generator, module=module, name=name)
    norms = [module for module in backbone.modules() if isinstance(module, _BatchNorm)]
    if not norms or not isinstance(backbone, Backbone):
        return
    for norm in norms:
        norm.reset_running_stats()
    was_training = backbone.training
    hooks = [norm.register_forward_pre_hook(_take_statistics) for norm in norms]
    try:
        backbone.eval()(_random_clip(backbone, generator))
    finally:
        for hook in hooks:
            hook.remove()
        backbone.train(was_training)


def _draw(parameter: Tensor, generator: torch.Generator, *, module: nn.Module, name: str) -> None:
    if isinstance(module, CONVOLUTIONS) and name == "weight":
        # He et al., ICCV 2015
        parameter.normal_(0.0, math.sqrt(2 / parameter[0].numel()), generator=generator)
    elif name == "weight" and parameter.ndim == 1:  # scale of a normalisation
        parameter.fill_(1.0)
    elif parameter.ndim == 1:
        parameter.zero_()
    else:
        parameter.normal_(0.0, 0.02, generator=generator)  # positions, tokens


def _take_statistics(norm: _BatchNorm, inputs: tuple[Tensor, ...]) -> None:
    """Set the statistics so that values are divided by their size and keep their mean."""
    # Centring makes a deep random network chaotic: in I3D-R50 an error of bfloat16 grows to 10 % of the
    # features with it, and to 1.5 % without (measured).
    (x,) = inputs
    size = x.float().square().transpose(0, 1).flatten(1).mean(dim=1).sqrt()  # [channels]
    least = size.mean().clamp(min=1e-6)  # a channel that is silent in this clip would explode in others
    assert norm.running_var is not None  # only None if statistics are not tracked
    norm.running_var.copy_(size.maximum(least).log2().round().exp2().square())


def _random_clip(backbone: Backbone, generator: torch.Generator) -> Tensor:
    """float32 [1, channels, L, 224, 224]: drifting blobs under as much grain, between frames and noise."""
    length = backbone.exact_length or max(backbone.min_length, 4)
    coarse = torch.randn(1, backbone.channels, 2, 14, 14, generator=generator)
    smooth = nn.functional.interpolate(coarse, (length, 224, 224), mode="trilinear")
    return smooth + torch.randn(smooth.shape, generator=generator)
