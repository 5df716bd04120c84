"""One-class detection on real footage: the head reclass, trained on normal videos alone with and without flow
and people, against the energy of motion.

    python -m scripts.experiments.one_class FOLDER --data ../shared/data/fight_untrimmed

DATA holds train.tsv, test.tsv and the videos, like that of the weakly supervised benchmark. Clips and seeds
that are already in FOLDER are reused, so that an interrupted run resumes. No setting was chosen on any
anomalous video: frames and networks are small because a CPU trains them, clips have 16 frames as in the
other benchmarks, and there is no background model because each video shows several cameras.
"""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import click
import numpy as np
import torch

from data_lists import Video, frame_labels, read_list, write_list
from extract.store import FeatureStore, VideoFeatures
from score.config.presets import preset_of
from score.config.run_config import resolve
from score.evaluation.evaluate_run import evaluate_run
from score.evaluation.evaluate_videos import evaluate_videos
from score.evaluation.evaluation import Evaluation, Provenance, ScoredVideo
from score.scoring.scorer import load_scorer
from score.training.loop import train_seed
from score.training.training_data import prepare
from scripts.experiments.defined_auc import defined_auc
from scripts.experiments.term_scores import COLUMNS, frame_terms, on_frames

EXTRACT = (
    "clip_length=8",
    "segment_stride=16",
    "resize.size=[60,80]",
    "flow.clamp=4",
    "scene.detector=hog",
    "scene.detect_every=4",
)
TRAIN = (
    "head.backdrop=false",
    "head.width=8",
    "head.judge_width=8",
    "train.epochs=2",
    "train.steps_per_epoch=90",
)
VARIANTS = {
    "frames": ("head.flow=false", "head.graph=false"),
    "frames and flow": ("head.graph=false",),
    "frames, flow and people": (),
}
MEASURES = ("frame_auc", "frame_auc_abnormal", "video_auc")


@click.command(help=__doc__)
@click.argument("folder", type=click.Path(file_okay=False, path_type=Path))
@click.option("--data", required=True, type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option(
    "--videos",
    "root",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="Folder of the videos. [default: DATA/videos]",
)
@click.option(
    "--set", "overrides", multiple=True, metavar="A.B=C", help="As in vad-score train, for all rows."
)
@click.option("--seeds", default=5, show_default=True, type=click.IntRange(1))
@click.option("--threads", default=1, show_default=True, type=click.IntRange(1))
@click.option(
    "--limit", type=click.IntRange(2), help="Use only the first videos of each list, to try it out."
)
def main(
    folder: Path,
    data: Path,
    root: Path | None,
    overrides: tuple[str, ...],
    seeds: int,
    threads: int,
    limit: int | None,
) -> None:
    torch.set_num_threads(threads)
    folder.mkdir(parents=True, exist_ok=True)
    train = [video for video in read_list(data / "train.tsv") if not video.is_anomalous][:limit]
    test = some_of(read_list(data / "test.tsv"), limit)
    store = extracted(folder, train, test, root=root or data / "videos")
    people(store, train, test)
    rows = [("energy of motion (mean length of flow)", energy(store, test, flow_energy), {})]
    rows.append(("energy of change (mean difference of frames)", energy(store, test, change_energy), {}))
    for name, options in VARIANTS.items():
        config = resolve(preset_of("reclass"), overrides=(*TRAIN, *options, *overrides))
        prepared, run = (
            prepare(config, [store], train),
            folder / "runs" / name.replace(",", "").replace(" ", "_"),
        )
        for seed in range(seeds):
            began = time.perf_counter()
            train_seed(config, prepared, folder=run / f"seed_{seed}", seed=seed)
            click.echo(f"{name}: seed {seed} in {time.perf_counter() - began:.0f} s", err=True)
        rows.append((name, evaluate_run(run, [store], test), terms(run, store, test, seeds)))
    click.echo(show(rows))
    (folder / "results.json").write_text(json.dumps(plain(rows), indent=1) + "\n")


def some_of(videos: list[Video], limit: int | None) -> list[Video]:
    """Both classes, half of the limit each."""
    if limit is None:
        return videos
    parts = [
        [video for video in videos if video.is_anomalous == kind][: limit // 2] for kind in (False, True)
    ]
    return parts[0] + parts[1]


def extracted(folder: Path, train: list[Video], test: list[Video], *, root: Path) -> FeatureStore:
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
    command += ["--videos", root, "--store", folder / "store"]
    for split, videos in (("train", train), ("test", test)):
        write_list(folder / f"{split}.tsv", videos)
        command += ["--list", folder / f"{split}.tsv"]
    for assignment in EXTRACT:
        command += ["--set", assignment]
    subprocess.run([str(part) for part in command], check=True)
    return FeatureStore(folder / "store")


def people(store: FeatureStore, train: list[Video], test: list[Video]) -> None:
    """Print how many people the detector found: the graph knows no others."""
    for split, videos in (("training", train), ("test", test)):
        masks = [store.rows(video.video_id, ["node_mask"])["node_mask"] for video in videos]
        seen = np.concatenate([mask.sum(axis=2).ravel() for mask in masks])
        pairs = np.concatenate([(mask.sum(axis=2) > 1).any(axis=1) for mask in masks])
        click.echo(
            f"people in {split} videos: {seen.mean():.2f} per frame, {(seen > 0).mean():.0%} of frames have "
            f"any, {pairs.mean():.0%} of clips two or more at once"
        )


def flow_energy(features: VideoFeatures) -> np.ndarray:
    """Mean length of the flow of each segment, in levels: [N]."""
    flow = features.arrays["flow"].astype(np.float32)
    return _mean_shown(np.sqrt((flow**2).sum(axis=4)).mean(axis=(2, 3)), features.arrays["frame_mask"])


def change_energy(features: VideoFeatures) -> np.ndarray:
    """Mean difference of each segment's frames to the next, in grey levels: [N]."""
    change = np.abs(np.diff(features.arrays["rgb"].astype(np.float32), axis=1)).mean(axis=(2, 3, 4))
    mask = features.arrays["frame_mask"]
    return _mean_shown(change, mask[:, 1:] & mask[:, :-1])


def _mean_shown(values: np.ndarray, shown: np.ndarray) -> np.ndarray:
    return (values * shown).sum(axis=1) / np.maximum(shown.sum(axis=1), 1)


def energy(
    store: FeatureStore, videos: list[Video], of_segments: Callable[[VideoFeatures], np.ndarray]
) -> Evaluation:
    scored = []
    for video in videos:
        features = store.read(video.video_id)
        score = on_frames(of_segments(features), features)
        label = frame_labels(replace(video, num_frames=features.num_frames), features.num_frames)
        scored.append(ScoredVideo(video, label, score[None], score.max(keepdims=True)))
    return evaluate_videos(scored, Provenance("energy"))


def terms(run: Path, store: FeatureStore, videos: list[Video], seeds: int) -> dict[str, list[float]]:
    """Frame AUC of each term alone, per seed; without terms that are constant."""
    found: dict[str, list[float]] = {}
    for seed in range(seeds):
        scorer = load_scorer(run / f"seed_{seed}")
        parts = [frame_terms(scorer, store.read(video.video_id), video) for video in videos]
        labels = np.concatenate([label for label, _ in parts])
        values = np.concatenate([rows for _, rows in parts], axis=1)
        for name, row in zip(COLUMNS[:-1], values, strict=False):
            if np.ptp(row) > 0:
                found.setdefault(name, []).append(defined_auc(labels, row))
    return found


def show(rows: list[tuple[str, Evaluation, dict[str, list[float]]]]) -> str:
    lines = [
        "| | frame AUC | 95 % over videos | anomalous videos only | video AUC | terms alone, frame AUC |"
    ]
    lines.append("|---" * 6 + "|")
    for name, found, alone in rows:
        first, *others = (found.summaries[measure] for measure in MEASURES)
        low, high = first.interval or (float("nan"),) * 2
        of_terms = ", ".join(f"{term} {spread_of(values)}" for term, values in alone.items())
        cells = [
            spread_of(first.per_seed),
            f"{low:.3f} - {high:.3f}",
            *(spread_of(each.per_seed) for each in others),
        ]
        lines.append(f"| {name} | {' | '.join(cells)} | {of_terms} |")
    return "\n".join(lines)


def spread_of(per_seed: Sequence[float | None]) -> str:
    values = np.array(per_seed, dtype=float)  # None, which is undefined, becomes NaN
    more = f" ± {np.std(values, ddof=1):.3f}" if len(values) > 1 else ""
    return f"{np.mean(values):.3f}{more}"


def plain(rows: list[tuple[str, Evaluation, dict[str, list[float]]]]) -> dict:
    return {
        name: {measure: list(found.summaries[measure].per_seed) for measure in MEASURES}
        | {"interval": found.summaries["frame_auc"].interval, "terms": alone}
        for name, found, alone in rows
    }


if __name__ == "__main__":
    main()
