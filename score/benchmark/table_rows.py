"""The table of a benchmark as data: its rows and numbers, to JSON and back."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from score.benchmark.paired_difference import Difference


@dataclass(frozen=True)
class Number:
    """A measure in [0, 1]: mean, sample deviation over seeds, 95 % interval over videos; None = none."""

    mean: float
    std: float | None = None
    interval: tuple[float, float] | None = None
    per_seed: tuple[float, ...] = ()

    @classmethod
    def of(cls, values: Sequence[float], interval: tuple[float, float] | None = None) -> Number:
        std = float(np.std(values, ddof=1)) if len(values) > 1 else 0.0
        return cls(float(np.mean(values)), std, interval, tuple(map(float, values)))


@dataclass(frozen=True)
class Row:
    """kind: "ours", "oracle" or "published". numbers: measure -> Number; "test_selected" for that column.

    against, differences: the row it is compared with, and measure -> difference to it. parameters:
    trainable. train_seconds: mean over seeds, all folds together. source: of a published number. failure:
    why there are no numbers.
    """

    kind: str
    store: str
    head: str
    numbers: dict[str, Number] = field(default_factory=dict)
    against: str = ""
    differences: dict[str, Difference] = field(default_factory=dict)
    parameters: int | None = None
    train_seconds: float | None = None
    score_seconds: float | None = None
    source: str = ""
    failure: str = ""


@dataclass(frozen=True)
class Table:
    """measure: the headline, to which the differences shown belong. notes: what a reader must know."""

    measure: str
    rows: tuple[Row, ...]
    notes: tuple[str, ...] = ()
    details: dict[str, Any] = field(default_factory=dict)

    def to_json(self) -> dict:
        """Plain values; numbers in [0, 1]."""
        return {"format": "vad-score benchmark", **dataclasses.asdict(self)}

    @classmethod
    def from_json(cls, values: dict) -> Table:
        """The table that to_json told, also after a way through a file."""
        rows = []
        for row in values["rows"]:
            numbers = {name: Number(**_tuples(each)) for name, each in row["numbers"].items()}
            differences = {name: Difference(**_tuples(each)) for name, each in row["differences"].items()}
            rows.append(Row(**{**row, "numbers": numbers, "differences": differences}))
        return cls(values["measure"], tuple(rows), tuple(values["notes"]), values["details"])


def _tuples(values: dict) -> dict:
    return {
        name: tuple(value) if isinstance(value, (list, tuple)) else value for name, value in values.items()
    }
