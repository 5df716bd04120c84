"""Which motion features find anomalies: cross-validation on the training part of a data set.

    python -m scripts.experiments.ablate_motion --videos DIR --list train.tsv

Groups of the list (videos that share a camera) stay together. The list's spans evaluate, they never train.
Every variant is a choice of dimensions, trained by the same head with the same settings; `scene cuts` has no
motion and shows how much the editing of the videos gives away.
"""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import click
import numpy as np
import torch
from sklearn.model_selection import GroupKFold

from data_lists import Video, frame_labels, resolve_lists
from extract.decode.decode_events import FramesDecoded, VideoEnded, VideoFailed, VideoOpened, VideoRestarted
from extract.decode.decode_settings import DecodeJob, DecodeSettings
from extract.decode.pool import DecodePool
from extract.descriptors.motion import Motion
from extract.descriptors.motion_statistics import FAMILIES
from extract.presets import PRESETS
from extract.segments import segment_spans
from extract.store import FeatureStore, VideoFeatures
from score.config.presets import preset_of
from score.config.run_config import RunConfig, resolve
from score.scoring.frame_scores import spread
from score.scoring.scorer import Scorer
from score.training.loop import train_seed
from score.training.training_data import prepare
from scripts.experiments.defined_auc import defined_auc

LENGTH = PRESETS["motion"].clip_length
CUTS = (
    "cuts.in_segment",
    "cuts.place_in_segment",
    "cuts.seconds_since",
    "cuts.in_video",
    "cuts.per_second",
    "cuts.video_seconds",
    "cuts.place_in_video",
)
NAMES = (*CUTS, *Motion.names())
HISTOGRAMS = ("histogram", "disorder")  # everything derived from orientation histograms


def variants() -> dict[str, list[int]]:
    """Name -> dimensions of NAMES."""
    family = [name.split(".")[0] for name in NAMES]
    chosen = {"scene cuts": {"cuts"}, "histograms": set(HISTOGRAMS)}
    chosen |= {f"only {name}": {name} for name in FAMILIES}
    chosen |= {f"without {name}": set(FAMILIES) - {name} for name in FAMILIES}
    chosen |= {"everything": set(FAMILIES), "everything and cuts": {"cuts", *FAMILIES}}
    return {
        name: [place for place, each in enumerate(family) if each in kept] for name, kept in chosen.items()
    }


def cut_features(begins: np.ndarray, spans: np.ndarray, fps: float) -> np.ndarray:
    """Features of cuts alone: begins bool [F], True where a shot begins; spans int [N, 2] -> float32 [N,
    len(CUTS)]."""
    frames, cuts = len(begins), np.flatnonzero(begins)
    rows = []
    for start, stop in spans:
        inside = cuts[(cuts >= max(start, 1)) & (cuts < stop)]
        since = start - cuts[cuts <= start][-1]
        place = (inside[0] - start) / LENGTH if len(inside) else 1.0
        of_video = len(cuts), len(cuts) / frames * fps, frames / fps
        rows.append((len(inside), place, since / fps, *of_video, start / frames))
    return np.array(rows, dtype=np.float32)


def describe(videos: Sequence[Video], root: Path, *, workers: int) -> list[VideoFeatures]:
    """Decode every video; features [N, 1, len(NAMES)]. ClickException for a video that fails."""
    jobs = [DecodeJob(video.video_id, root, video.num_frames) for video in videos]
    opened: dict[str, tuple[VideoOpened, Motion, list[np.ndarray]]] = {}
    features = {}
    with DecodePool(jobs, DecodeSettings(workers=workers)) as pool:
        for event in pool:
            if isinstance(event, VideoOpened):
                opened[event.video_id] = event, Motion(event.fps), []
            elif isinstance(event, FramesDecoded):
                _, motion, rows = opened[event.video_id]
                rows.extend(motion.frame(frame) for frame in event.frames)
                event.release()
            elif isinstance(event, VideoRestarted):
                del opened[event.video_id]
            elif isinstance(event, VideoFailed):
                raise click.ClickException(f"{event.video_id}: {event.reason}")
            elif isinstance(event, VideoEnded):
                features[event.video_id] = _segments(*opened.pop(event.video_id))
                click.echo(f"\r{len(features)}/{len(videos)} videos decoded", nl=False, err=True)
    click.echo(err=True)
    return [features[video.video_id] for video in videos]


def _segments(opened: VideoOpened, motion: Motion, rows: list[np.ndarray]) -> VideoFeatures:
    frames = np.stack(rows)
    spans = segment_spans(len(frames), LENGTH, 1, LENGTH, "pad")
    numbers = np.stack([motion.segment(frames[start:stop]) for start, stop in spans])
    numbers = np.concatenate([cut_features(frames[:, 0] < 0, spans, motion.fps), numbers], axis=1)
    return VideoFeatures(
        opened.video_id,
        numbers[:, None],
        spans,
        spans / motion.fps,
        len(frames),
        fps=motion.fps,
        width=opened.width,
        height=opened.height,
    )


def write_store(root: Path, features: Sequence[VideoFeatures], dimensions: list[int]) -> FeatureStore:
    """A store of the chosen dimensions."""
    store = FeatureStore.create(root, replace(PRESETS["motion"].spec(), feature_dim=len(dimensions)))
    for video in features:
        assert video.features is not None
        store.write(replace(video, features=video.features[..., dimensions]))
    return store


def divide(videos: Sequence[Video], folds: int) -> list[np.ndarray]:
    """Places of the held-out videos of each fold; a group is in one fold only."""
    groups = [video.video_id if video.group is None else video.group for video in videos]
    splitter = GroupKFold(n_splits=min(folds, len(set(groups))))
    return [held for _, held in splitter.split(groups, groups=groups)]


def cross_validate(
    config: RunConfig,
    store: FeatureStore,
    videos: Sequence[Video],
    held_out: Sequence[np.ndarray],
    *,
    seeds: int,
) -> dict[str, np.ndarray]:
    """Measure -> value per seed: frame_auc and video_auc are means over folds, pooled_auc is of all
    frames."""
    frames: list[dict[int, np.ndarray]] = [{} for _ in range(seeds)]  # seed -> place of the video -> scores
    video_score = np.zeros((seeds, len(videos)))
    with tempfile.TemporaryDirectory() as folder:
        for number, held in enumerate(held_out):
            kept = np.setdiff1d(np.arange(len(videos)), held)
            data = prepare(config, [store], [videos[place] for place in kept])
            for seed in range(seeds):
                scorer = Scorer(train_seed(config, data, folder=Path(folder) / f"{number}_{seed}", seed=seed))
                found = scorer.score_store([store], [videos[place].video_id for place in held])
                for place, (features, scores) in zip(held, found, strict=True):
                    frames[seed][place] = spread(
                        scores.segment_score,
                        features.frame_span,
                        num_frames=features.num_frames,
                        video_id=features.video_id,
                    ).score
                    video_score[seed, place] = scores.video_score
    labels = [frame_labels(video, len(frames[0][place])) for place, video in enumerate(videos)]
    anomalous = np.array([video.is_anomalous for video in videos])

    def frame_auc(seed: int, places) -> float:
        scores = np.concatenate([frames[seed][place] for place in places])
        return defined_auc(np.concatenate([labels[place] for place in places]), scores)

    def video_auc(seed: int, places) -> float:
        return defined_auc(anomalous[places], video_score[seed, places])

    every = range(seeds)
    return {
        "frame_auc": np.array([np.mean([frame_auc(seed, held) for held in held_out]) for seed in every]),
        "pooled_auc": np.array([frame_auc(seed, range(len(videos))) for seed in every]),
        "video_auc": np.array([np.mean([video_auc(seed, held) for held in held_out]) for seed in every]),
    }


@click.command()
@click.option(
    "--videos", "root", required=True, type=click.Path(exists=True, file_okay=False, path_type=Path)
)
@click.option(
    "--list", "lists", required=True, multiple=True, metavar="LIST", help="Training videos with spans."
)
@click.option("--head", default="mil", show_default=True, metavar="NAME")
@click.option("--set", "overrides", multiple=True, metavar="A.B=C", help="One setting of the head's preset.")
@click.option(
    "--only", multiple=True, type=click.Choice(list(variants())), help="Only these variants. [default: all]"
)
@click.option("--folds", default=5, show_default=True, type=click.IntRange(2))
@click.option("--seeds", default=3, show_default=True, type=click.IntRange(1))
@click.option("--workers", default=1, show_default=True, type=click.IntRange(1), help="Decode processes.")
def main(root, lists, head, overrides, only, folds, seeds, workers):
    """Print one line per variant: dimensions, frame AUC within folds and pooled, video AUC over seeds."""
    videos = [video for video in resolve_lists(lists) if video.has_frame_truth]
    config = resolve(preset_of(head), overrides=overrides)
    held_out = divide(videos, folds)
    torch.set_num_threads(1)
    features = describe(videos, root, workers=workers)
    settings = " ".join([head, *overrides])
    click.echo(f"{len(videos)} videos, {len(held_out)} folds by group, {seeds} seeds, head {settings}")
    click.echo(f"{'variant':22} {'D':>3}  {'frame AUC':15}  {'pooled':15}  {'video AUC':15}")
    for name, dimensions in variants().items():
        if only and name not in only:
            continue
        with tempfile.TemporaryDirectory() as folder:
            store = write_store(Path(folder), features, dimensions)
            found = cross_validate(config, store, videos, held_out, seeds=seeds)
        cells = "  ".join(f"{values.mean():.3f} ± {values.std():.3f}  " for values in found.values())
        click.echo(f"{name:22} {len(dimensions):>3}  {cells}")


if __name__ == "__main__":
    main()
