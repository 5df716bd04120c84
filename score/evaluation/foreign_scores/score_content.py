"""What a file of scores holds, whatever its form: the one place that chooses a reader by suffix."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from score.evaluation.foreign_scores.score_rows import ScoreRows

TABLES = (".csv", ".tsv", ".txt")
ARRAYS = (".npy", ".npz", ".mat", ".pt", ".pth")
HDF5 = (".h5", ".hdf5")
SUFFIXES = (".npy", ".csv", ".tsv", ".txt", ".json", ".npz", ".mat", ".pt", ".pth", ".h5", ".hdf5")
PICKLES = (".pkl", ".pickle", ".joblib", ".dill")


class ScoreFileError(ValueError):
    """Score files that cannot be used: `problems` holds one line per problem, str() shows them all."""

    def __init__(self, problems: Iterable[str]):
        self.problems = list(problems)
        super().__init__("\n".join(self.problems))


@dataclass(frozen=True)
class Content:
    """The scores in a file.

    whole: one row of scores, of one video or of all videos one after another. parts: a row for each video,
    without names. named: by a name in the file. wrong: name -> why its scores cannot be used. unread: columns
    or variables that were left out. texts: of them those that hold text, with the number of different ones.
    """

    whole: ScoreRows | None = None
    parts: list[ScoreRows] = field(default_factory=list)
    named: dict[str, ScoreRows] = field(default_factory=dict)
    wrong: dict[str, str] = field(default_factory=dict)
    unread: tuple[str, ...] = ()
    texts: Mapping[str, int] = field(default_factory=dict)


def read_content(path: Path) -> Content:
    """The scores in a file. Raises ValueError with the reason, without the file's name."""
    suffix = path.suffix.lower()
    if suffix in PICKLES:
        raise ValueError(
            "is a pickle, which is never loaded because it can run code; save the scores as .npz with "
            "numpy.savez(file, **scores) or as .json"
        )
    if suffix not in SUFFIXES:
        raise ValueError(f"is not a score file; expected {', '.join(SUFFIXES)}, or a folder of them")
    # Late, because each form needs other libraries.
    if suffix in TABLES:
        from score.evaluation.foreign_scores.score_tables import read_table as read
    elif suffix == ".json":
        from score.evaluation.foreign_scores.score_documents import read_document as read
    elif suffix in HDF5:
        from score.evaluation.foreign_scores.score_hdf5 import read_hdf5 as read
    else:
        from score.evaluation.foreign_scores.score_arrays import read_arrays as read
    try:
        return read(path)
    except ValueError as error:
        # An error of the gate repeats the path, which the caller names.
        raise ValueError(getattr(error, "reason", str(error))) from None
