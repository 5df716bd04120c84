"""Which device a command computes on."""
from __future__ import annotations

import torch

DEVICES = ("auto", "cpu", "cuda")


def choose_device(name: str) -> torch.device:
    """auto takes a GPU where there is one. Raises ValueError for cuda without one."""
    available = torch.cuda.is_available()
    if name == "cuda" and not available:
        raise ValueError("--device cuda: there is no GPU that torch can use; take --device auto or cpu")
    return torch.device("cuda" if available and name != "cpu" else "cpu")
