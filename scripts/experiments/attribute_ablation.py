"""What is each attribute of regions worth? One trained head, each attribute alone, and each left out.

    python -m scripts.experiments.attribute_ablation RUN STORE LIST

RUN is a run of the head attributes, whose scales stay as they are; a row of the table is a set of attributes,
its columns are the frame AUC over all frames and the mean over the videos that have both kinds of frames.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import click
import numpy as np
import torch
from torch import Tensor

from data_lists import frame_labels
from data_lists.tsv import read_list
from extract.store import FeatureStore
from score.heads.attributes import Attributes
from score.heads.attributes_parts.region_table import RegionTable, tables_of
from score.metrics import roc_auc
from score.scoring.scorer import load_scorer
from scripts.experiments.term_scores import on_frames


@click.command(help=__doc__)
@click.argument("run", type=click.Path(exists=True, path_type=Path))
@click.argument("store_path", metavar="STORE", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.argument("list_path", metavar="LIST", type=click.Path(exists=True, dir_okay=False, path_type=Path))
def main(run: Path, store_path: Path, list_path: Path) -> None:
    torch.set_num_threads(1)
    scorer, store = load_scorer(run), FeatureStore(store_path)
    head = scorer.head
    if not isinstance(head, Attributes):
        raise click.ClickException(f"{run} is a run of {scorer.checkpoint.config.name}, expected attributes")
    rows = subsets([*head.surprise])
    labels: list[np.ndarray] = []
    scores: dict[str, list[np.ndarray]] = {name: [] for name in rows}
    for video in read_list(list_path):
        features = store.read(video.video_id)
        labels.append(frame_labels(replace(video, num_frames=features.num_frames), features.num_frames))
        (table,) = tables_of(scorer.bags(features))
        with torch.no_grad():
            surprises = head.surprises(table)
        for name, chosen in rows.items():
            scores[name].append(on_frames(score_of(head, table, surprises, chosen), features))
    click.echo("| attributes | frame AUC | mean over videos |")
    click.echo("|---|---|---|")
    for name, each in scores.items():
        both = [auc_of(one, other) for one, other in zip(labels, each, strict=True) if 0 < one.mean() < 1]
        pooled = auc_of(np.concatenate(labels), np.concatenate(each))
        click.echo(f"| {name} | {pooled:.3f} | {np.mean(both):.3f} |")


def subsets(names: list[str]) -> dict[str, list[str]]:
    """All, each alone, and all but each."""
    alone = {f"{name} alone": [name] for name in names}
    without = {f"without {name}": [other for other in names if other != name] for name in names}
    return {"all": names} | (alone | without if len(names) > 1 else {})


@torch.no_grad()
def score_of(
    head: Attributes, table: RegionTable, surprises: dict[str, Tensor], chosen: list[str]
) -> np.ndarray:
    """Of each segment, in [0, 1], from these attributes alone."""
    value = head.frame_value(table, {name: surprises[name] for name in chosen})
    value = head.along_time(value, torch.ones(len(value), dtype=torch.bool), table.rate)
    return (value / (1 + value)).numpy()


def auc_of(labels: np.ndarray, scores: np.ndarray) -> float:
    value = roc_auc(labels, scores).value
    assert value is not None
    return value


if __name__ == "__main__":
    main()
