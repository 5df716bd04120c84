"""Does each term of the head reclass find its own kind, and where? Makes the corridor of
scripts/demo/make_corridor.py, extracts it, trains on its normal videos and prints the table.

    python -m scripts.experiments.corridor_terms FOLDER --world 1

What is in FOLDER already (videos, store, run) is used again. The settings of the head and of its maps were
chosen on world 0; other worlds say how well they hold. Rows are the three kinds of anomaly, each together
with all normal test videos; columns are frame AUC by each term alone, pixel AUC of its map (an anomalous
frame counts as found where 40 % of its planted pixels are), the plain ROC over pixels, and how much of
HiResCAM and of Grad-CAM lies on what was planted, as a multiple of its share of the frame. Below: how many
frames get a box at the threshold that 99 % of the frames of normal training videos stay below.
"""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

import click
import numpy as np
import torch
from torch.nn import functional as F

from data_lists import Video, read_list
from data_lists.masks import open_masks
from extract.store import FeatureStore
from score.config.presets import preset_of
from score.config.run_config import resolve
from score.heads.reclass import RECLASS
from score.metrics import roc_auc
from score.metrics.pixels import PixelFrames, pixel_measures
from score.scoring.anomaly_maps import AnomalyMaps, anomaly_maps, attention, explain
from score.scoring.scorer import Scorer
from score.training.loop import train_seed
from score.training.training_data import prepare
from scripts.experiments.term_scores import COLUMNS, frame_terms

# class -> the term that is for it
KINDS = {"Appearance": "appearance", "Motion": "motion", "Graph": "people"}
EXTRACT = (
    "clip_length=8",
    "segment_stride=16",
    "resize.size=[60,80]",
    "flow.clamp=4",
    "scene.detector=files",
)


@click.command(help=__doc__)
@click.argument("folder", type=click.Path(file_okay=False, path_type=Path))
@click.option("--world", default=0, show_default=True, type=click.IntRange(0), help="Seed of the corridor.")
@click.option(
    "--train", default=16, show_default=True, type=click.IntRange(1), help="Normal training videos of 10 s."
)
@click.option("--set", "overrides", multiple=True, metavar="A.B=C", help="As in vad-score train.")
@click.option("--seeds", default=1, show_default=True, type=click.IntRange(1))
@click.option("--threads", default=1, show_default=True, type=click.IntRange(1))
def main(folder: Path, world: int, train: int, overrides: tuple[str, ...], seeds: int, threads: int) -> None:
    torch.set_num_threads(threads)
    store = _store(folder, world, train)
    config = resolve(preset_of("reclass"), overrides=overrides)
    test = read_list(folder / "test.tsv")
    tables = []
    for seed in range(seeds):
        began = time.perf_counter()
        data = prepare(config, [store], read_list(folder / "train.tsv"))
        checkpoint = train_seed(config, data, folder=folder / "run" / f"seed_{seed}", seed=seed)
        seconds = time.perf_counter() - began
        scorer = Scorer(checkpoint)
        tables.append(measure(scorer, store, test, folder / "masks"))
        click.echo(
            f"seed {seed}: {seconds:.0f} s of training; {boxed(scorer, store, test, folder / 'masks')}"
        )
    click.echo(show(tables))


def _store(folder: Path, world: int, train: int) -> FeatureStore:
    if not (folder / "test.tsv").is_file():
        command = [
            sys.executable,
            "-m",
            "scripts.demo.make_corridor",
            folder,
            "--seed",
            world,
            "--train",
            train,
        ]
        subprocess.run([str(part) for part in command], check=True)
    elif (found := len(read_list(folder / "train.tsv"))) != train:
        raise click.ClickException(f"{folder} has {found} training videos, not {train}; use another folder")
    if not (folder / "store" / "store.json").is_file():
        command = [
            sys.executable,
            "-m",
            "extract.cli",
            "run",
            "--preset",
            "reclass",
            "--device",
            "cpu",
            "--workers",
            "1",
        ]
        command += ["--videos", folder / "videos", "--tracks", folder / "tracks", "--store", folder / "store"]
        for split in ("train", "test"):
            command += ["--list", folder / f"{split}.tsv"]
        for override in EXTRACT:
            command += ["--set", override]
        subprocess.run([str(part) for part in command], check=True)
    return FeatureStore(folder / "store")


def measure(
    scorer: Scorer, store: FeatureStore, videos: list[Video], masks: Path
) -> dict[str, dict[str, float]]:
    """kind -> measure -> value."""
    frames: dict[str, list[tuple[Video, np.ndarray, np.ndarray]]] = {}
    pixels: dict[str, dict[str, PixelFrames]] = {}
    shares, averaged = ({kind: [] for kind in KINDS} for _ in range(2))
    values: dict[str, dict[str, tuple[np.ndarray, np.ndarray]]] = {}
    for video in videos:
        features = store.read(video.video_id)
        frames.setdefault(video.event_class, []).append((video, *frame_terms(scorer, features, video)))
        found = explain(scorer, features, frames=scorer.head.config.frames)
        planted = _planted(video, found, masks)
        maps = {**found.maps, "any": found.highest}
        for name, rows in maps.items():
            sized = _sized(rows, planted.shape[1:])
            pixels.setdefault(name, {})[video.video_id] = PixelFrames.of(sized, planted)
            every = slice(None, None, 4)  # pixel of each direction: there are millions
            parts = (planted[:, every, every].ravel(), sized[:, every, every].ravel())
            values.setdefault(name, {})[video.video_id] = parts
        if video.is_anomalous:
            shares[video.event_class] += _multiples(_sized(found.attention, planted.shape[1:]), planted)
            assert isinstance(scorer.head, RECLASS)
            clips = scorer.head.clips(scorer.bags(features))
            plain = attention(scorer.head, clips, averaged=True)[clips.shown > 0].cpu().numpy()
            averaged[video.event_class] += _multiples(_sized(plain, planted.shape[1:]), planted)
    table = {}
    for kind in (*KINDS, "all"):
        classes = ("Normal", *KINDS) if kind == "all" else ("Normal", kind)
        chosen = [row for name in classes for row in frames.get(name, ())]
        labels = np.concatenate([label for _, label, _ in chosen])
        row = {
            name: roc_auc(labels, np.concatenate([scores[number] for *_, scores in chosen])).value
            for number, name in enumerate(COLUMNS)
        }
        for name, by_video in pixels.items():
            parts = [by_video[video.video_id] for video, *_ in chosen]
            row[f"pixels {name}"] = pixel_measures(parts)["pixel_auc"].value
            both = [values[name][video.video_id] for video, *_ in chosen]
            labels, scores = (np.concatenate(each) for each in zip(*both, strict=True))
            row[f"pixel ROC {name}"] = roc_auc(labels, scores).value
        for name, found_shares in (("HiResCAM", shares), ("Grad-CAM", averaged)):
            multiples = sum(found_shares.values(), []) if kind == "all" else found_shares[kind]
            row[name] = float(np.mean(multiples)) if multiples else float("nan")
        table[kind] = row
    return table


def boxed(scorer: Scorer, store: FeatureStore, videos: list[Video], masks: Path) -> str:
    """Shares of the frames that were looked at with a box: of normal ones, and of anomalous ones with one
    whose middle lies on what was planted."""
    assert isinstance(scorer.head, RECLASS)
    threshold = scorer.head.statistics.threshold(99)
    false, hits = [], []
    for video in videos:
        found = anomaly_maps(scorer, store.read(video.video_id))
        planted = _planted(video, found, masks)
        for mask, boxes in zip(planted, found.boxes(threshold), strict=True):
            if not mask.any():
                false.append(bool(boxes))
            else:
                hits.append(any(_middle(mask, box) for box in boxes))
    return f"boxes in {np.mean(false):.1%} of normal frames, on {np.mean(hits):.0%} of anomalous ones"


def _middle(mask: np.ndarray, box: tuple[float, ...]) -> bool:
    left, top, right, bottom, _ = box
    return bool(mask[int((top + bottom) / 2 * mask.shape[0]), int((left + right) / 2 * mask.shape[1])])


def _planted(video: Video, found: AnomalyMaps, folder: Path) -> np.ndarray:
    """uint8 [M, H, W] of the frames that were looked at."""
    if not video.is_anomalous:
        return np.zeros(found.highest.shape, np.uint8)
    masks = open_masks(folder, video.video_id)
    return np.stack([masks[frame] for frame in found.frame.tolist()]).astype(np.uint8)


def _sized(maps: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    return F.interpolate(torch.from_numpy(maps)[:, None], size=size, mode="bilinear")[:, 0].numpy()


def _multiples(attention: np.ndarray, planted: np.ndarray) -> list[float]:
    """Mass inside what is planted over its share of the frame, of each frame that has both."""
    return [
        float(cam[mask > 0].sum() / cam.sum() / mask.mean())
        for cam, mask in zip(attention, planted, strict=True)
        if mask.any() and cam.sum() > 0
    ]


def show(tables: list[dict[str, dict[str, float]]]) -> str:
    """Markdown; with several seeds mean and deviation."""
    columns = list(tables[0]["all"])
    lines = ["| | " + " | ".join(columns) + " |", "|---" * (len(columns) + 1) + "|"]
    for kind in tables[0]:
        cells = []
        for column in columns:
            values = [table[kind][column] for table in tables]
            spread_of = f" ± {np.std(values, ddof=1):.3f}" if len(values) > 1 else ""
            text = f"{np.mean(values):.3f}{spread_of}"
            own = KINDS.get(kind) == column.removeprefix("pixels ").removeprefix("pixel ROC ")
            cells.append(f"**{text}**" if own else text)
        lines.append(f"| {kind} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


if __name__ == "__main__":
    main()
