"""Test scores as they are after choices on the test videos: the epoch, the crop, the smoothing, or all three.

Published code often reports such scores. Here they only fill the table that says what each choice adds.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import numpy as np

from extract.store import VideoFeatures
from score.benchmark.cell_scores import SCORES, CellScores, collect, write_scores
from score.pooling.modalities import joined_crops
from score.scoring.scorer import Scorer
from score.scoring.smoothing import CANDIDATES, Smoothing

FOLDER = "test_selected"  # of a seed; a folder with scores per choice in it
EPOCH, CROP, SMOOTHING, ALL = "epoch", "crop", "smoothing", "all"
# Choice -> what is chosen, in the order of the table.
CHOICES = {EPOCH: "the epoch", CROP: "the crop", SMOOTHING: "the smoothing", ALL: "all three"}


class Variant(NamedTuple):
    """Scores of one crop, None for the mean of all, smoothed along time."""

    crop: int | None
    smoothing: Smoothing
    scores: CellScores


def variants(
    scorer: Scorer, videos: Sequence[Sequence[VideoFeatures]], *, crops: bool, smoothings: bool
) -> Iterator[Variant]:
    """The scores of the videos by every crop and smoothing that may be chosen, the unchosen ones first.

    videos: the parts of each in the order of Scorer.match_stores.
    """
    count = joined_crops(scorer.checkpoint.specs) if crops else 1
    for crop in (None, *range(count)) if count > 1 else (None,):
        ids = [parts[0].video_id for parts in videos]
        plain = collect(((parts[0], scorer.score(*parts, crop=crop)) for parts in videos), ids)
        for smoothing in CANDIDATES if smoothings else CANDIDATES[:1]:
            smoothed = tuple(np.asarray(smoothing(each)) for each in plain.segment_score)
            yield Variant(crop, smoothing, replace(plain, segment_score=smoothed))


def keep(folder: Path, choice: str, scores: CellScores) -> None:
    """Keep the scores of one choice in the folder of a seed."""
    place = chosen_folder(folder, choice)
    place.mkdir(parents=True, exist_ok=True)
    write_scores(place, scores)


def chosen_folder(folder: Path, choice: str) -> Path:
    """Where the scores of a choice lie in the folder of a seed."""
    return folder / FOLDER / choice


def has_choices(folder: Path) -> bool:
    """Whether a seed has the scores of every choice; older benchmarks have none."""
    return all((chosen_folder(folder, choice) / SCORES).is_file() for choice in CHOICES)
