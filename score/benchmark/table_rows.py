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
    """A measure: mean and standard deviation over seeds, 95 % interval over videos.

    All lie in [0, 1] but those of alerts, which are seconds and numbers per hour.
    """

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
class OnlineFacts:
    """How online measures came about.

    look_ahead: segments, or the window of a head that looks at the whole video. thresholds_from: the normal
    videos that chose thresholds, in words.
    """

    look_ahead: str
    thresholds_from: str
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Row:
    """One head on one store, the oracle, or a published number."""

    kind: str
    """"ours", "oracle" or "published"."""
    store: str
    head: str
    numbers: dict[str, Number] = field(default_factory=dict)
    """Measure -> Number; BEST_ON_TEST for the best epoch on the test videos. Online measures by their
    names in score.evaluation.measure_names, of the seeds that have one."""
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
    online: OnlineFacts | None = None
    """Where the head was measured online."""


@dataclass(frozen=True)
class Table:
    """measure: the headline, whose differences are shown. notes: what readers must know."""

    measure: str
    rows: tuple[Row, ...]
    notes: tuple[str, ...] = ()
    details: dict[str, Any] = field(default_factory=dict)

    def to_json(self) -> dict:
        """Plain values."""
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
            online = None if row.get("online") is None else OnlineFacts(**_tuples(row["online"]))
            rows.append(Row(**{**row, "numbers": numbers, "online": online, **found}))
        return cls(values["measure"], tuple(rows), tuple(values["notes"]), values["details"])


def _tuples(values: dict) -> dict:
    return {
        name: tuple(value) if isinstance(value, (list, tuple)) else value for name, value in values.items()
    }
