"""Nested cross-validation: choose settings inside each training part, then test what the choice gains.

    python -m scripts.experiments.nested_choice --head mil:fight --store fights --list fights.tsv \\
        --out chosen \\
        --candidate "" --candidate "data.segments.n=1 data.segments.changes=only"

In every fold each candidate is cross-validated (folds by group, one seed) on the fold's training videos. The
best by the mean AUC of these inner folds is trained on all of them with every seed and scores the fold's test
videos, which had no say in the choice. Resumes an interrupted OUT.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

import click
import numpy as np

from data_lists import Video, resolve_lists
from score.bags.folds import make_folds
from score.benchmark.cell import CellResult
from score.benchmark.cell_pool import run_plan
from score.benchmark.cell_scores import read_scores
from score.benchmark.comparison_plan import Cell, Part, Plan, check_plan, make_parts, make_stores
from score.benchmark.entries import make_entries
from scripts.experiments.defined_auc import defined_auc


@click.command(help=__doc__)
@click.option("--head", required=True, metavar="NAME[:PRESET]")
@click.option("--store", required=True, metavar="DIR[+DIR]")
@click.option("--list", "lists", multiple=True, required=True, metavar="LIST")
@click.option(
    "--candidate",
    "candidates",
    multiple=True,
    required=True,
    metavar="'A.B=C ...'",
    help="One set of settings; may be empty.",
)
@click.option("--folds", default=5, show_default=True, type=click.IntRange(2))
@click.option("--inner-folds", default=4, show_default=True, type=click.IntRange(2))
@click.option("--seeds", default=3, show_default=True, type=click.IntRange(1))
@click.option("--jobs", default=len(os.sched_getaffinity(0)), show_default=True, type=click.IntRange(1))
@click.option("--out", required=True, type=click.Path(file_okay=False, path_type=Path))
def main(head, store, lists, candidates, folds, inner_folds, seeds, jobs, out) -> None:
    videos = resolve_lists(lists)
    entries = [make_entries([head], (), text.split())[0] for text in candidates]
    stores = make_stores([store])
    scores = {video.video_id: np.zeros(seeds) for video in videos}
    for number, fold in enumerate(make_folds(videos, folds)):
        parts, held = make_parts(fold.train, (), folds=inner_folds, group_by="group")
        inside = [
            _inner_auc(
                Plan((entry,), stores, parts, held, seeds=1, folds=inner_folds),
                out / f"fold_{number}" / f"candidate_{place}",
                jobs=jobs,
            )
            for place, entry in enumerate(entries)
        ]
        best = int(np.argmax(inside))
        found = ", ".join(f"{auc:.4f}" for auc in inside)
        click.echo(f"fold {number}: inner AUC {found}; chosen: {candidates[best]!r}")
        plan = Plan((entries[best],), stores, (Part("", fold.train, fold.test),), fold.test, seeds=seeds)
        for cell in _finished(plan, out / f"fold_{number}" / "chosen", jobs=jobs):
            stored = read_scores(cell.folder)
            for video_id, score in zip(stored.video_ids, stored.video_score, strict=True):
                scores[video_id][cell.seed] = score
    per_seed = [_auc(videos, [scores[video.video_id][seed] for video in videos]) for seed in range(seeds)]
    listed = ", ".join(f"{auc:.4f}" for auc in per_seed)
    click.echo(f"video AUC of all videos, out of fold: {np.mean(per_seed):.4f}, seeds {listed}")


def _inner_auc(plan: Plan, out: Path, *, jobs: int) -> float:
    """The mean over inner folds."""
    values = []
    for cell in _finished(plan, out, jobs=jobs):
        stored = read_scores(cell.folder)
        values.append(_auc(cell.part.test, stored.video_score))
    return float(np.mean(values))


def _finished(plan: Plan, out: Path, *, jobs: int) -> list[Cell]:
    check_plan(plan, out)
    results: dict[Path, CellResult] = run_plan(plan, out, jobs=jobs)
    if failed := [result.failure for result in results.values() if result.failure]:
        raise click.ClickException(failed[0])
    return list(plan.cells(out))


def _auc(videos: Sequence[Video], scores: Sequence[float] | np.ndarray) -> float:
    labels = np.array([video.is_anomalous for video in videos], dtype=np.uint8)
    return defined_auc(labels, np.asarray(scores))


if __name__ == "__main__":
    main()
