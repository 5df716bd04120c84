"""The checkpoint that a training started from, as the new checkpoint records it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from score.leakage.fingerprints import Fingerprints
from score.leakage.leak_check import TrainingRecord


@dataclass(frozen=True)
class Source:
    """Where weights came from, and on which videos they were trained.

    path: as it was given, for people; nothing opens it. sha256: of the file. seed, epoch: of that training.
    lists, fingerprints: see Checkpoint. source: what it had itself started from.
    """

    path: str
    sha256: str
    seed: int
    epoch: int
    lists: dict[str, dict]
    fingerprints: Fingerprints | None = None
    source: Source | None = None

    @property
    def words(self) -> str:
        """For people, in one line."""
        return f"{self.path} (seed {self.seed}, epoch {self.epoch}, sha256 {self.sha256})"

    @property
    def trained_on(self) -> list[str]:
        """The digests of its lists and of those before: the same for all seeds of one run."""
        return [
            f"{name} {part.get('digest', '')}" for each in self.chain() for name, part in each.lists.items()
        ]

    def chain(self) -> Iterator[Source]:
        """This one and those before it."""
        each: Source | None = self
        while each is not None:
            yield each
            each = each.source

    def records(self) -> list[TrainingRecord]:
        """The videos of this training and of those before it."""
        return [TrainingRecord(each.lists, each.fingerprints) for each in self.chain()]

    def to_dict(self) -> dict:
        """Plain values and tensors, for a checkpoint."""
        known = self.fingerprints
        return {
            "path": self.path,
            "sha256": self.sha256,
            "seed": self.seed,
            "epoch": self.epoch,
            "lists": self.lists,
            "fingerprints": None if known is None else known.to_dict(),
            "source": None if self.source is None else self.source.to_dict(),
        }

    @classmethod
    def from_dict(cls, values: Mapping) -> Source:
        """The inverse of to_dict. Raises KeyError, TypeError or ValueError for other values."""
        known, source = values["fingerprints"], values["source"]
        return cls(
            values["path"],
            values["sha256"],
            values["seed"],
            values["epoch"],
            dict(values["lists"]),
            None if known is None else Fingerprints.from_dict(known),
            None if source is None else cls.from_dict(source),
        )
