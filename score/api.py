"""Stage 2 for Python programs: train a head, evaluate it and score videos, as the commands of vad-score do.

    from score.api import evaluate, predict, train

Stores and lists are named as on the command line: a store is a folder, a packed file or an address; a list is
a TSV, DATASET/SPLIT or a folder. For more control use what this is built from: score.training,
score.evaluation and score.predict.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from data_lists import resolve_lists
from extract.runtime.device import choose_device
from extract.store.texts import read_class_texts
from score.bags.store_access import open_stores
from score.config.presets import preset_of
from score.config.run_config import ConfigError, resolve
from score.evaluation.evaluate_run import evaluate_run
from score.evaluation.evaluation import Evaluation
from score.evaluation.evaluation_settings import RunOptions
from score.predict.extraction import ExtractionSettings
from score.predict.inputs import find_inputs
from score.predict.intervals import IntervalRule
from score.predict.predictor import Prediction, Predictor, load_model
from score.runs.checkpoint import Checkpoint
from score.runs.run_lock import locked
from score.training.loop import train_seed
from score.training.seed_folder import check_other_seeds
from score.training.starting_point import settings_from, start_of, starting_points
from score.training.training_data import prepare

__all__ = ["evaluate", "predict", "train"]


def train(
    head: str | None = None,
    *,
    stores: Sequence[Path | str],
    lists: Sequence[Path | str],
    run: Path | str,
    seeds: int = 1,
    overrides: Sequence[str] = (),
    from_: Path | str | None = None,
    texts: Path | str | None = None,
    device: str = "auto",
) -> list[Checkpoint]:
    """Train seeds 0, 1, ... of a head in the folder `run`; finished seeds are kept, unfinished ones resumed.

    head: NAME or NAME:PRESET, as `vad-score heads` lists them. overrides: as for --set, "train.epochs=20".
    from_: start from a checkpoint file, a seed's folder or a run, seed by seed, with its head and settings.
    texts: vectors of the classes, for heads that take them: a file of `vad-extract text`, or an .npy whose
    names are in a .txt beside it.
    Raises ConfigError, ListError, StoreError, and CheckpointError for a run begun with other settings or in
    training by another process.
    """
    name, _, preset = (head or "").partition(":")
    starts = starting_points(from_) if from_ is not None else []
    if starts:
        if preset:
            raise ConfigError([f"head is {head}, but settings come from {from_}: change them by overrides"])
        config = settings_from(starts[0], name or None, overrides=overrides)
    elif not head:
        raise ConfigError(["give head, or from_ to start from a checkpoint"])
    else:
        config = resolve(preset_of(name, preset or "default"), overrides=overrides)
    for seed in range(seeds):
        start_of(starts, seed)
    chosen = choose_device(device)
    known = None if texts is None else read_class_texts(texts)
    data = prepare(config, open_stores(stores), _videos(lists), starts=starts, texts=known).to(chosen)
    folders = {seed: Path(run) / f"seed_{seed}" for seed in range(seeds)}
    with locked(Path(run), work="training"):
        check_other_seeds(config, data, Path(run), except_for=folders.values())
        return [
            train_seed(config, data, folder=folder, seed=seed, device=chosen)
            for seed, folder in folders.items()
        ]


def evaluate(
    run: Path | str | Sequence[Path | str],
    *,
    stores: Sequence[Path | str],
    lists: Sequence[Path | str],
    device: str = "auto",
) -> Evaluation:
    """Score the videos of test lists with every seed of a run, or of several runs whose scores are averaged.

    `summaries` of the result maps each measure to its mean and std over seeds and its interval over videos:
    evaluate(...).summaries["frame_auc"].mean. Raises CheckpointError, StoreError and ListError.
    """
    chosen = str(choose_device(device))
    return evaluate_run(run, open_stores(stores, together=False), _videos(lists), RunOptions(device=chosen))


def predict(
    videos: Sequence[Path | str], *, run: Path | str, threshold: float | None = None, device: str = "auto"
) -> Prediction:
    """Find anomalies in video files and folders of frames; all seeds of the run score together.

    threshold: in [0, 1]; unless given, the one that training chose. `results` of the result has an entry per
    video (a score per segment, intervals in seconds), `failures` a reason for each that could not be decoded.
    Raises CheckpointError, and ValueError if the features of the run cannot be extracted here.
    """
    inputs = find_inputs([Path(video) for video in videos])
    model = load_model(run)
    chosen, source = (threshold, "given") if threshold is not None else model.threshold()
    with Predictor(model, settings=ExtractionSettings(device=device)) as predictor:
        return predictor.predict(inputs, rule=IntervalRule(chosen), threshold_from=source)


def _videos(lists: Sequence[Path | str]):
    return resolve_lists([str(each) for each in lists])
