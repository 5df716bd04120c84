"""Optimizers by name, the learning rate as a function of the step, and a running average of the weights."""

from __future__ import annotations

import copy
import math
from collections.abc import Iterable

import torch
from torch import nn
from torch.optim import SGD, Adagrad, Adam, AdamW, Optimizer, RMSprop

from score.config.optimizer import OptimizerConfig

OPTIMIZERS: dict[str, type[Optimizer]] = {
    "adagrad": Adagrad,
    "adam": Adam,
    "adamw": AdamW,
    "rmsprop": RMSprop,
    "sgd": SGD,
}
ONECYCLE_START, ONECYCLE_END = 1 / 25, 1 / 25e4


def make_optimizer(config: OptimizerConfig, parameters: Iterable[nn.Parameter], player: str) -> Optimizer:
    """The optimizer of one player, at its base learning rate."""
    options = {"lr": config.player_lr.get(player, config.lr), "weight_decay": config.weight_decay}
    if config.name in ("adam", "adamw"):
        options["betas"] = config.betas
    if config.name in ("rmsprop", "sgd"):
        options["momentum"] = config.momentum
    if config.eps is not None and config.name != "sgd":
        options["eps"] = config.eps
    return OPTIMIZERS[config.name](list(parameters), **options)


def lr_factor(config: OptimizerConfig, *, step: int, steps_per_epoch: int, total_steps: int) -> float:
    """What the base learning rate is multiplied by at a step, counted from 0.

    A function of the step, so that resuming needs no state. Unlike torch's OneCycleLR it leaves the momentum
    alone.
    """
    if config.schedule == "constant":
        return 1.0
    if config.schedule == "multistep":
        return config.decay ** sum(step >= milestone * steps_per_epoch for milestone in config.milestones)
    rising = config.warmup * total_steps
    done = min(1.0, max(0.0, step - rising) / max(1.0, total_steps - rising))
    falling = (1 + math.cos(math.pi * done)) / 2
    if config.schedule == "cosine":
        return (step + 1) / (rising + 1) if step < rising else falling
    if step < rising:
        return ONECYCLE_START + (1 - ONECYCLE_START) * (1 - math.cos(math.pi * step / rising)) / 2
    return ONECYCLE_END + (1 - ONECYCLE_END) * falling


class WeightAverage:
    """Exponential moving average of a network's parameters; buffers are copied. decay 0 is the network."""

    def __init__(self, network: nn.Module, decay: float):
        self.decay = decay
        self.network = copy.deepcopy(network).requires_grad_(False)

    @torch.no_grad()
    def update(self, network: nn.Module) -> None:
        for mean, value in zip(self.network.parameters(), network.parameters(), strict=True):
            mean.lerp_(value, 1 - self.decay)
        for mine, theirs in zip(self.network.buffers(), network.buffers(), strict=True):
            mine.copy_(theirs)
