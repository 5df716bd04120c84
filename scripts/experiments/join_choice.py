"""Which way of joining two stores helps: cross-validation over the groups (cameras) of a training list.

    python -m scripts.experiments.join_choice --store motion --store lite0 --list train.tsv \\
        --out chosen --head mil

Every way of the table WAYS is trained on each fold's training videos and scores the videos that were held
out. The list's spans evaluate, they never train. The last line names the way of the highest frame AUC, mean
over folds and heads; only a benchmark on other videos with its settings says what it gains elsewhere. Resumes
an interrupted OUT.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import click
import numpy as np

from data_lists import Video, frame_labels, resolve_lists
from score.benchmark.cell import CellResult
from score.benchmark.cell_pool import run_plan
from score.benchmark.cell_scores import read_scores
from score.benchmark.comparison_plan import Cell, Plan, check_plan, make_parts, make_stores
from score.benchmark.entries import make_entries
from scripts.experiments.defined_auc import defined_auc


class Way(NamedTuple):
    """stores: which of the two. settings: as for --set; SECOND stands for the preset of the second store."""

    stores: tuple[int, ...]
    settings: tuple[str, ...] = ()


BOTH, CHANGES = (0, 1), "data.segments.changes={SECOND: only}"
WAYS = {
    "first": Way((0,)),
    "second": Way((1,)),
    "second, changes": Way((1,), (CHANGES,)),
    "joined": Way(BOTH),
    "joined, changes": Way(BOTH, (CHANGES,)),
    "balance": Way(BOTH, (CHANGES, "fusion.norm=balance")),
    "layer norm": Way(BOTH, (CHANGES, "fusion.norm=layer")),
    "layer norm, projection": Way(
        BOTH, (CHANGES, "fusion.norm={SECOND: layer}", "fusion.width={SECOND: 16}")
    ),
    "unit length": Way(BOTH, (CHANGES, "fusion.norm=l2")),
    "unit length of second": Way(BOTH, (CHANGES, "fusion.norm={SECOND: l2}")),
    "projection to 16": Way(BOTH, (CHANGES, "fusion.width={SECOND: 16}")),
    "balance and dropout": Way(BOTH, (CHANGES, "fusion.norm=balance", "fusion.dropout=0.3")),
    "late": Way(BOTH, (CHANGES, "fusion.mode=late")),
    "late, no changes": Way(BOTH, ("fusion.mode=late",)),
    "late, weighed": Way(
        BOTH,
        (CHANGES, "fusion.mode=late", "fusion.weights=validation", "train.validation_share=0.2"),
    ),
}


@click.command(help=__doc__)
@click.option("--store", "roots", multiple=True, required=True, metavar="DIR", help="Exactly two.")
@click.option("--list", "lists", multiple=True, required=True, metavar="LIST", help="Videos with spans.")
@click.option("--head", "heads", multiple=True, required=True, metavar="NAME[:PRESET]")
@click.option("--way", "names", multiple=True, type=click.Choice(list(WAYS)), help="[default: all]")
@click.option("--folds", default=5, show_default=True, type=click.IntRange(2))
@click.option("--seeds", default=1, show_default=True, type=click.IntRange(1))
@click.option("--jobs", default=len(os.sched_getaffinity(0)), show_default=True, type=click.IntRange(1))
@click.option("--out", required=True, type=click.Path(file_okay=False, path_type=Path))
def main(roots, lists, heads, names, folds, seeds, jobs, out) -> None:
    if len(roots) != 2:
        raise click.UsageError(f"{len(roots)} stores are given, expected two")
    videos = resolve_lists(lists)
    parts, held = make_parts(videos, (), folds=folds, group_by="group")
    second = make_stores([roots[1]])[0].stores[0].spec.preset
    names = names or tuple(WAYS)
    click.echo(f"{len(videos)} videos, {folds} folds by group, {seeds} seeds, {len(names)} ways")
    click.echo(
        f"{'way':24}" + "".join(f"  {head:>22}" for head in heads) + "    mean  (frame AUC, video AUC)"
    )
    frames: dict[str, float] = {}
    for name in names:
        way = WAYS[name]
        stores = make_stores(["+".join(roots[place] for place in way.stores)])
        settings = [each.replace("SECOND", second) for each in way.settings]
        found = []
        for head in heads:
            plan = Plan(make_entries([head], (), settings), stores, parts, held, seeds=seeds, folds=folds)
            found.append(_measure(plan, out / name.replace(", ", "_").replace(" ", "_"), jobs=jobs))
        frames[name] = float(np.mean([each[:, 0].mean() for each in found]))
        cells = "".join(
            f"  {each[:, 0].mean():.3f} ± {each[:, 0].std():.3f}, {each[:, 1].mean():.3f}" for each in found
        )
        click.echo(f"{name:24}{cells}   {frames[name]:.3f}")
    best = max(frames, key=frames.__getitem__)
    click.echo(f"of {len(names)} ways: {best!r}, settings {' '.join(WAYS[best].settings) or 'none'}")


def _measure(plan: Plan, out: Path, *, jobs: int) -> np.ndarray:
    """Frame and video AUC on the videos held out, mean over folds: float [seeds, 2]."""
    check_plan(plan, out)
    results: dict[Path, CellResult] = run_plan(plan, out, jobs=jobs)
    if failed := [result.failure for result in results.values() if result.failure]:
        raise click.ClickException(failed[0])
    found = np.zeros((plan.seeds, 2))
    for cell in plan.cells(out):
        found[cell.seed] += np.array(_aucs(cell, plan.videos)) / len(plan.parts)
    return found


def _aucs(cell: Cell, videos: Sequence[Video]) -> tuple[float, float]:
    scores, known = read_scores(cell.folder), {video.video_id: video for video in videos}
    held = [known[video_id] for video_id in scores.video_ids]
    labels = [frame_labels(video, int(count)) for video, count in zip(held, scores.num_frames, strict=True)]
    frame_auc = defined_auc(np.concatenate(labels), np.concatenate(scores.frame_scores()))
    return frame_auc, defined_auc(np.array([video.is_anomalous for video in held]), scores.video_score)


if __name__ == "__main__":
    main()
