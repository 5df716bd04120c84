"""The table of a benchmark as data: rows and numbers, to JSON and back."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from score.benchmark.paired_difference import Difference

BEST_ON_TEST = "test_selected"  # its key in JSON and CSV


@dataclass(frozen=True)
class Number:
    """A measure in [0, 1]: mean and standard deviation over seeds, 95 % interval over videos."""

    mean: float
    std: float | None = None
    interval: tuple[float, float] | None = None
    per_seed: tuple[float, ...] = ()

    @classmethod
    def of(cls, values: Sequence[float], interval: tuple[float, float] | None = None) -> Number:
        # With one seed there is no deviation to estimate; 0 keeps the column numeric.
        std = float(np.std(values, ddof=1)) if len(values) > 1 else 0.0
        return cls(float(np.mean(values)), std, interval, tuple(map(float, values)))


@dataclass(frozen=True)
class Row:
    """One head on one store, the oracle, or a published number."""

    kind: str
    """"ours", "oracle" or "published"."""
    store: str
    head: str
    numbers: dict[str, Number] = field(default_factory=dict)
    """Measure -> Number; BEST_ON_TEST for the best epoch on the test videos."""
    against: str = ""
    """The head that this row is compared with."""
    differences: dict[str, Difference] = field(default_factory=dict)
    """Measure -> difference from that head."""
    added: dict[str, Difference] = field(default_factory=dict)
    """Choice on the test videos -> what it adds to the table's measure."""
    parameters: int | None = None
    """Trainable ones."""
    train_seconds: float | None = None
    """Mean over seeds, of all folds together."""
    score_seconds: float | None = None
    """Likewise."""
    source: str = ""
    """Where a published number comes from."""
    failure: str = ""
    """Why there are no numbers."""


@dataclass(frozen=True)
class Table:
    """measure: the headline, whose differences are shown. notes: what readers must know."""

    measure: str
    rows: tuple[Row, ...]
    notes: tuple[str, ...] = ()
    details: dict[str, Any] = field(default_factory=dict)

    def to_json(self) -> dict:
        """Plain values; numbers in [0, 1]."""
        return {"format": "vad-score benchmark", **dataclasses.asdict(self)}

    @classmethod
    def from_json(cls, values: dict) -> Table:
        """The inverse of to_json, also after the values were in a file."""
        rows = []
        for row in values["rows"]:
            numbers = {name: Number(**_tuples(each)) for name, each in row["numbers"].items()}
            found = {
                kind: {name: Difference(**_tuples(each)) for name, each in row.get(kind, {}).items()}
                for kind in ("differences", "added")
            }
            rows.append(Row(**{**row, "numbers": numbers, **found}))
        return cls(values["measure"], tuple(rows), tuple(values["notes"]), values["details"])


def _tuples(values: dict) -> dict:
    return {
        name: tuple(value) if isinstance(value, (list, tuple)) else value for name, value in values.items()
    }
