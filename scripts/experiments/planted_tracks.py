"""Which settings of the head attributes find tracks that move otherwise than before? On normal videos.

    python -m scripts.experiments.planted_tracks STORE LIST --set "" --set "head.steps_weight=0"

STORE holds regions of normal videos. In held-out videos the speeds of one track are multiplied: all of them
("faster"), or its steps alone, so that it moves more to and fro but gets no farther ("restless"). Cells of
the frame, which hold steps, change with either. A row of the table is a setting; its columns are the frame
AUC of planted frames against all normal frames of the videos that were held out, folds over the groups of
the list, or over videos.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import click
import numpy as np
import torch

from data_lists import Video
from data_lists.tsv import read_list
from extract.store import FeatureStore
from score.bags.bags import Bags, BagSpec
from score.config.presets import preset_of
from score.config.run_config import resolve
from score.heads.attributes import Attributes
from score.heads.attributes_parts.region_shapes import SPEEDS
from score.metrics import roc_auc
from score.runs.checkpoint import build_head

FACTORS = (1.5, 2.0)
PEOPLE = 2  # tracks of each video, each planted alone
LEAST_SECONDS, MOST_SECONDS = 1.0, 4.0
FOLDS = 4


@click.command(help=__doc__)
@click.argument("store", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.argument("list_path", metavar="LIST", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--set", "settings", multiple=True, default=("",), help="Settings of one row, FIELD=VALUE ...")
def main(store: Path, list_path: Path, settings: tuple[str, ...]) -> None:
    videos = read_list(list_path)
    arrays = {video.video_id: _arrays(FeatureStore(store), video.video_id) for video in videos}
    parts = list(folds(videos))
    kinds = [(kind, factor) for kind in ("faster", "restless") for factor in FACTORS]
    click.echo("| settings | " + " | ".join(f"{kind} {factor:g}" for kind, factor in kinds) + " |")
    click.echo("|---" * (len(kinds) + 1) + "|")
    for text in settings:
        normal: list[np.ndarray] = []
        planted: dict[tuple[str, float], list[np.ndarray]] = {each: [] for each in kinds}
        for held_out in parts:
            kept = [video for video in videos if video.video_id not in held_out]
            head = fitted([arrays[video.video_id] for video in kept], text.split(), kept)
            for name in held_out:
                normal.append(scores(head, arrays[name]))
                for kind, factor in kinds:
                    for changed, shown in plants(arrays[name], kind, factor):
                        planted[kind, factor].append(scores(head, changed)[shown])
        values = [auc_of(np.concatenate(normal), np.concatenate(planted[each])) for each in kinds]
        click.echo(f"| {text or 'default'} | " + " | ".join(f"{value:.3f}" for value in values) + " |")


def folds(videos: list[Video]) -> Iterator[list[str]]:
    """FOLDS lists of ids; the videos of a group are in one of them."""
    groups = sorted({video.group or video.video_id for video in videos})
    for number in range(FOLDS):
        own = set(groups[number::FOLDS])
        yield [video.video_id for video in videos if (video.group or video.video_id) in own]


class NormalBags(list[Bags]):
    """A bag per video, with the names and the groups that the head asks for; see CacheBags of training."""

    video_ids: tuple[str, ...] = ()
    groups: tuple[str, ...] = ()


def fitted(arrays: list[dict[str, torch.Tensor]], overrides: list[str], videos: list[Video]) -> Attributes:
    """The head, fitted to the arrays of these normal videos."""
    shapes = {name: tuple(rows.shape[1:]) for name, rows in arrays[0].items()}
    spec = BagSpec({}, ("Normal",), (len(arrays),), shapes)
    head = build_head(resolve(preset_of("attributes"), overrides=overrides), spec)
    assert isinstance(head, Attributes)
    normal = NormalBags(_bags(rows, number) for number, rows in enumerate(arrays))
    normal.video_ids = tuple(video.video_id for video in videos)
    normal.groups = tuple(video.group or video.video_id for video in videos)
    head.fit(normal)
    return head.eval()


@torch.no_grad()
def scores(head: Attributes, arrays: dict[str, torch.Tensor]) -> np.ndarray:
    """Of each frame, [F]."""
    return head(_bags(arrays, 0)).segment_score[0].numpy()


def plants(
    arrays: dict[str, torch.Tensor], kind: str, factor: float
) -> Iterator[tuple[dict[str, torch.Tensor], np.ndarray]]:
    """(arrays in which one track moves otherwise, bool [F] where it does), for the longest tracks."""
    track, second = arrays["region_track"], arrays["region_second"][:, 0]
    ids, counts = track[track >= 0].unique(return_counts=True)
    rate = 1 / float(second.diff().median())
    for number in ids[counts.argsort(descending=True)][:PEOPLE].tolist():
        rows = (track == number).any(dim=1).nonzero()[:, 0][: round(MOST_SECONDS * rate)]
        if len(rows) < LEAST_SECONDS * rate:
            continue
        speed, shown = arrays["region_speed"].clone(), np.zeros(len(track), bool)
        shown[rows.numpy()] = True
        own = (track == number) & torch.from_numpy(shown)[:, None]
        columns = slice(None) if kind == "faster" else slice(SPEEDS["steps"], SPEEDS["steps"] + 1)
        speed[..., columns] = torch.where(own[..., None], speed[..., columns] * factor, speed[..., columns])
        changed = arrays | {"region_speed": speed}
        if "speed" in arrays:
            changed["speed"] = _cells(arrays, own, factor)
        yield changed, shown


def _cells(arrays: dict[str, torch.Tensor], own: torch.Tensor, factor: float) -> torch.Tensor:
    """The cells of frames, [F, R, C], times a factor where one of the regions own [F, P] lies."""
    cells = arrays["speed"].clone()
    rows, columns = cells.shape[1:]
    for frame, place in own.nonzero().tolist():
        left, top, right, bottom = arrays["region_box"][frame, place].tolist()
        across = slice(int(left * columns), int(np.ceil(right * columns)))
        down = slice(int(top * rows), int(np.ceil(bottom * rows)))
        cells[frame, down, across] = arrays["speed"][frame, down, across] * factor
    return cells


def _arrays(store: FeatureStore, video_id: str) -> dict[str, torch.Tensor]:
    return {name: torch.from_numpy(rows) for name, rows in store.read(video_id).arrays.items()}


def _bags(arrays: dict[str, torch.Tensor], number: int) -> Bags:
    length, label = len(arrays["region_track"]), torch.zeros(1)
    rows = {name: each[None] for name, each in arrays.items()}
    return Bags(
        {}, torch.ones(1, length, dtype=torch.bool), label, label.long(), torch.tensor([number]), rows
    )


def auc_of(normal: np.ndarray, planted: np.ndarray) -> float:
    label = np.concatenate([np.zeros(len(normal), bool), np.ones(len(planted), bool)])
    value = roc_auc(label, np.concatenate([normal, planted])).value
    assert value is not None
    return value


if __name__ == "__main__":
    main()
