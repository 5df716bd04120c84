"""How many threads a head trains with."""

from __future__ import annotations

import torch

SMALL_STEP = 2_000_000_000  # multiplications; below it a second thread waits longer than it works


def choose_threads(instances: int, parameters: int) -> int:
    """One thread for a light head, otherwise torch's own number.

    instances: per batch, crops included. parameters: of the head. In small steps threads mostly wait for each
    other, ten times slower if cores are shared, and rounding depends on the number of threads.
    """
    return 1 if instances * parameters < SMALL_STEP else torch.get_num_threads()
