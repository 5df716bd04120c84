"""The base of every config: a frozen dataclass that pydantic validates and that rejects unknown fields."""

from __future__ import annotations

from typing import Annotated

from pydantic import ConfigDict, Field
from pydantic.dataclasses import dataclass
from typing_extensions import dataclass_transform

Share = Annotated[float, Field(ge=0, le=1)]
DropoutRate = Annotated[float, Field(ge=0, lt=1)]
Positive = Annotated[float, Field(gt=0, allow_inf_nan=False)]
NotNegative = Annotated[float, Field(ge=0, allow_inf_nan=False)]
# The largest size that a setting may ask for; a head a thousand times as wide as any published one.
MOST = 2**20
Count = Annotated[int, Field(ge=1, le=MOST)]
# Layers, one after another: each takes time to build, even one without memory.
MOST_LAYERS = 64
Layers = Annotated[tuple[Count, ...], Field(max_length=MOST_LAYERS)]
Depth = Annotated[int, Field(ge=1, le=MOST_LAYERS)]


@dataclass_transform(frozen_default=True)
def settings(cls: type) -> type:
    """Make a class of annotated defaults a config: frozen, validated when built, without unknown fields."""
    return dataclass(frozen=True, config=ConfigDict(extra="forbid"))(cls)
