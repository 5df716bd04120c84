"""Optimizers by name, learning rate schedules, and the running average of weights."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

import torch
from torch import nn
from torch.optim import SGD, Adagrad, Adam, AdamW, Optimizer, RMSprop
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from score.config.optimizer_config import OptimizerConfig

OPTIMIZERS: dict[str, type[Optimizer]] = {
    "adagrad": Adagrad,
    "adam": Adam,
    "adamw": AdamW,
    "rmsprop": RMSprop,
    "sgd": SGD,
}
# Learning rates at both ends of a onecycle schedule, relative to its peak.
ONECYCLE_START, ONECYCLE_END = 1 / 25, 1 / 25e4


def make_optimizer(config: OptimizerConfig, parameters: Iterable[torch.Tensor], player: str) -> Optimizer:
    """The optimizer of one player, at its base learning rate."""
    options: dict[str, Any] = {
        "lr": config.player_lr.get(player, config.lr),
        "weight_decay": config.weight_decay,
    }
    if config.name in ("adam", "adamw"):
        options["betas"] = config.betas
    if config.name in ("rmsprop", "sgd"):
        options["momentum"] = config.momentum
    if config.eps is not None and config.name != "sgd":
        options["eps"] = config.eps
    return OPTIMIZERS[config.name](list(parameters), **options)


def lr_factor(config: OptimizerConfig, *, step: int, steps_per_epoch: int, total_steps: int) -> float:
    """What the base learning rate is multiplied by at a step, counted from 0.

    A function of the step alone, so that resuming needs no state. Unlike torch's OneCycleLR, onecycle leaves
    the momentum alone.
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


def weight_average(network: nn.Module, decay: float) -> AveragedModel:
    """An exponential moving average of a network's parameters; buffers are copied."""
    average = AveragedModel(network, multi_avg_fn=get_ema_multi_avg_fn(decay))
    # The fresh weights are its first value; with a count of 0 the first update would replace them.
    average.n_averaged.fill_(1)
    return average
