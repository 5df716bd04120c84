"""Which device a command computes on, and with how many threads."""

from __future__ import annotations

import torch

SMALL_STEP = 2_000_000_000  # multiplications; below it a second thread waits longer than it works


def choose_device(name: str) -> torch.device:
    """auto takes a GPU where there is one. Raises ValueError for cuda without one."""
    available = torch.cuda.is_available()
    if name == "cuda" and not available:
        raise ValueError("--device cuda: there is no GPU that torch can use; take --device auto or cpu")
    return torch.device("cuda" if available and name != "cpu" else "cpu")


def choose_threads(instances: int, parameters: int) -> int:
    """One thread for a light head, else as many as torch takes by itself.

    instances: of one batch, crops counted. parameters: of the head. Small steps on many threads mostly wait for each
    other, ten times slower where cores are shared, and rounding depends on the number of threads.
    """
    return 1 if instances * parameters < SMALL_STEP else torch.get_num_threads()
