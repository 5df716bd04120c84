"""How the threads of numerical libraries wait for each other on a machine that others use too."""

from __future__ import annotations

import os
from collections.abc import MutableMapping

# Rounds of a waiting thread before it sleeps: what GNU's OpenMP takes by itself where there are more threads
# than processors (manual of libgomp, GOMP_SPINCOUNT). Otherwise it takes 300,000.
SPINS = "1000"
OF_THE_USER = ("GOMP_SPINCOUNT", "OMP_WAIT_POLICY")


def wait_asleep(environment: MutableMapping[str, str] | None = None) -> None:
    """Let threads of torch that wait for each other sleep soon. Call it before torch is imported.

    A thread that waits without sleeping keeps a processor from the very thread that it waits for, if another
    program runs there: beside one busy program on two cores, extraction took three to six times as long, and
    alone not less (scripts/benchmarks/RESULTS.md). A setting of the user's own stays. environment: to set it
    in; this process's by default, which child processes inherit.
    """
    environment = os.environ if environment is None else environment
    if not any(name in environment for name in OF_THE_USER):
        environment["GOMP_SPINCOUNT"] = SPINS
