"""How a trained run is to be watched."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class ModelSettings:
    """As for predict. at_most, window: see Reach.of."""

    ensemble: bool = True
    join: str | None = None
    every: str | None = None
    device: str = "auto"
    weights: Sequence[str] = ()
    at_most: int | None = None
    window: int | None = None
