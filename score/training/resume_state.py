"""The state of an unfinished seed, checked field by field before a training takes it over."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from torch import Tensor
from torch.optim import Optimizer

from score.runs.checkpoint_fields import check_tensor

MOST_THREADS = 4096


def check_state(
    state: Mapping[str, Any], *, weights: Mapping[str, Tensor], epochs: int, averaged: bool
) -> None:
    """Raise ValueError for epochs or tensors that the training cannot have saved.

    weights: of the head in training. epochs: at most. averaged: whether it keeps a running average.
    """
    epoch, kept = state["epoch"], state["kept"]
    _check_epoch("epoch", epoch, least=1, most=epochs)
    _check_epoch("kept.epoch", kept["epoch"], least=0, most=epoch)
    _check_weights("weights", state["weights"], weights)
    if kept["epoch"] or kept["weights"]:
        _check_weights("kept.weights", kept["weights"], weights)
    if (state["average"] is not None) != averaged:
        raise ValueError("average does not go with train.average")
    if averaged:
        _check_weights("average", state["average"], weights)
    for name, value in kept["validation"].items():
        if value is not None and not (_is_number(value) and math.isfinite(value)):
            raise ValueError(f"kept.validation.{name} is {value!r}, expected a number")


def check_optimizer(saved: Mapping[str, Any], optimizer: Optimizer) -> None:
    """Raise ValueError for the state of another optimizer, or of other parameters."""
    own, groups = optimizer.state_dict()["param_groups"], saved["param_groups"]
    if len(groups) != len(own):
        raise ValueError(f"an optimizer has {len(groups)} groups of parameters, expected {len(own)}")
    for found, expected in zip(groups, own, strict=True):
        # Versions of torch add settings; the learning rate is set anew at every step.
        for name in (set(found) & set(expected)) - {"lr"}:
            if _plain(found[name]) != _plain(expected[name]):
                raise ValueError(f"an optimizer's {name} is {found[name]!r}, expected {expected[name]!r}")
    parameters = [each for group in optimizer.param_groups for each in group["params"]]
    for place, values in saved["state"].items():
        if not isinstance(place, int) or not 0 <= place < len(parameters):
            raise ValueError(f"an optimizer has a state of parameter {place!r} of {len(parameters)}")
        for name, value in values.items():
            if isinstance(value, Tensor) and value.dim():
                like = parameters[place].detach()
                check_tensor(f"an optimizer's {name} of parameter {place}", value, like)
            elif not (value is None or isinstance(value, Tensor) or _is_number(value)):
                raise ValueError(f"an optimizer's {name} is {type(value).__name__}")


def _check_epoch(name: str, value: object, *, least: int, most: int) -> None:
    if not isinstance(value, int) or isinstance(value, bool) or not least <= value <= most:
        raise ValueError(f"{name} is {value!r}, expected {least} to {most}")


def _check_weights(part: str, found: Mapping[str, Tensor], expected: Mapping[str, Tensor]) -> None:
    if set(found) != set(expected):
        raise ValueError(f"{part} belong to another head")
    for name, rows in expected.items():
        check_tensor(f"{part} {name}", found[name], rows)


def _is_number(value: object) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _plain(value: object) -> object:
    return list(value) if isinstance(value, tuple) else value
