"""Counts what a network is given, step by step, so that both sides of a comparison say what they did."""

from __future__ import annotations

import time
from math import prod

from torch import Tensor, nn


class CountedInputs:
    """The batches that a network sees in its forward passes, and when, from a hook on it.

    A batch is [..., T, D]: bags of T instances.
    """

    def __init__(self, network: nn.Module):
        self.moments: list[float] = []
        self.shape: tuple[int, ...] = ()
        network.register_forward_pre_hook(self._note)

    def _note(self, _network: nn.Module, arguments: tuple) -> None:
        given = arguments[0]
        shape = tuple((given if isinstance(given, Tensor) else given.joined()).shape)
        if self.moments and shape != self.shape:
            raise ValueError(f"a batch has shape {list(shape)}, the one before {list(self.shape)}")
        self.moments.append(time.perf_counter())
        self.shape = shape

    def counts(self) -> dict[str, int]:
        """Steps after the first one, which warms up; bags and instances of each."""
        *bags, instances, features = self.shape
        each = {"bags": prod(bags), "instances": prod(bags) * instances, "features": features}
        return {"steps": len(self.moments) - 1, **each}

    def seconds(self) -> float:
        """From the second forward pass until now."""
        return time.perf_counter() - self.moments[1]
