"""What the public programs get instead of a GPU, a plot server and a debugger; their files stay as they are.

Their training steps name a GPU in every line. On a CPU a call that moves a tensor there must return the
tensor, as it does on a machine whose tensors are on the GPU already.
"""

from __future__ import annotations

import importlib.util
import sys
from types import ModuleType

import torch


def _itself(tensor, *_arguments, **_options):
    return tensor


def without_gpu() -> None:
    """Let `.cuda()` return its tensor or module, and tensors of no stated kind be those of the CPU."""
    for kind in (torch.Tensor, torch.nn.Module):
        kind.cuda = _itself  # pyright: ignore[reportAttributeAccessIssue] - it need not have the same arguments
    torch.set_default_tensor_type = lambda _kind: None


def stand_in(*names: str) -> None:
    """Empty modules for packages that are imported, never used by a step, and not installed."""
    for name in names:
        if name not in sys.modules and importlib.util.find_spec(name) is None:
            sys.modules[name] = ModuleType(name)


class NoPlots:
    """Takes the numbers that a step would draw. Theirs talks to a plot server, ours writes a log."""

    def plot_lines(self, _name: str, _value: float) -> None:
        pass
