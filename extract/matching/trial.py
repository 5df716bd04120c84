"""One complete hypothesis about how rows were made, and the features that it is compared with."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from extract.matching.agreement import Agreement, agreement, row_cosines
from extract.matching.networks.pixel_variants import Pixels
from extract.matching.recipes import Timing

# Views of features with one crop that are means of several: how many of the ten are averaged.
MEANS = {"the mean of 10 crops": 10, "the mean of 5 crops": 5}

# Video id -> (rows that it should have, numbers of rows, our rows [R, D] of these numbers).
Ours = dict[str, tuple[int | None, list[int], np.ndarray]]


@dataclass(frozen=True)
class Trial:
    """A hypothesis and how its rows agree. partners: video id -> name of the array that fits best.

    pixels: None for descriptors. view: of features with one crop: CENTRE, a key of MEANS or the name of a
    view. crops: which view each of several crops is, empty where that is not known.
    """

    timing: Timing
    pixels: Pixels | None
    view: str
    agreement: Agreement
    partners: dict[str, str]
    crops: tuple[str, ...] = ()
    crops_cosine: float = 0.0

    @property
    def prepared(self) -> Pixels:
        """The pixels of a network's trial."""
        assert self.pixels is not None
        return self.pixels


@dataclass(frozen=True)
class Theirs:
    """The features of somebody else. rows: float32 [N, C, D] of an array by name; counts: its N.

    possible: names of the arrays that may belong to a video, given how many rows it should have.
    """

    rows: Callable[[str], np.ndarray]
    counts: dict[str, int]
    possible: Callable[[str, int | None], list[str]]
    num_crops: int
    unit_norm: bool
    non_negative: bool

    def most_rows(self, video_id: str, expected: int | None) -> int:
        """N of the longest array that may belong to a video."""
        return max((self.counts[name] for name in self.possible(video_id, expected)), default=0)

    def agreement(self, ours: Ours) -> tuple[Agreement, dict[str, str]] | None:
        """(agreement, video id -> array) with the arrays that fit our rows best; None where none can."""
        mine, theirs, partners = [], [], {}
        for video_id, (expected, numbers, rows) in ours.items():
            found = self._partner(video_id, expected, numbers, rows)
            if found is not None:
                partners[video_id], other = found
                mine.append(rows)
                theirs.append(other)
        if not mine:
            return None
        others = np.concatenate(theirs)
        of_crops = [
            agreement(
                np.concatenate(mine),
                others[:, crop],
                unit_norm=self.unit_norm,
                non_negative=self.non_negative,
            )
            for crop in range(others.shape[1])
        ]
        return max(of_crops, key=lambda each: each.rank), partners

    def _partner(
        self, video_id: str, expected: int | None, numbers: list[int], mine: np.ndarray
    ) -> tuple[str, np.ndarray] | None:
        """(name, rows [R, C, D]) of the array that is most like our rows [R, D] of a video."""
        best, found = -2.0, None
        names = self.possible(video_id, expected)
        for name in names:
            if self.counts[name] <= max(numbers):
                continue
            rows = self.rows(name)[numbers]
            if len(names) == 1:
                return name, rows
            likeness = max(_likeness(mine, rows[:, crop]) for crop in range(rows.shape[1]))
            if likeness > best:
                best, found = likeness, (name, rows)
        return found


def _likeness(ours: np.ndarray, theirs: np.ndarray) -> float:
    """How alike rows of one video are; the mean is subtracted where there are enough."""
    if len(ours) >= 3:
        ours, theirs = ours - ours.mean(axis=0), theirs - theirs.mean(axis=0)
    return float(row_cosines(ours, theirs).mean())
