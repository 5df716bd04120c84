"""Heads of names and shapes alone, to check or count weights without allocating or drawing any."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor
from torch.overrides import TorchFunctionMode

# What initialises weights. On the device "meta" torch takes these through its compiler, whose import takes
# longer than an evaluation of a small store.
DRAWS = (Tensor.normal_, Tensor.uniform_)


class _NoDraws(TorchFunctionMode):
    def __torch_function__(
        self, func: Callable, types: Sequence, args: Sequence = (), kwargs: Mapping[str, Any] | None = None
    ) -> Any:
        del types
        return args[0] if func in DRAWS else func(*args, **(kwargs or {}))


@contextmanager
def without_values() -> Iterator[None]:
    """Modules that are built inside get parameters on the device "meta"."""
    with torch.device("meta"), _NoDraws():
        yield
