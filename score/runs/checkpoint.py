"""What a training run leaves: a checkpoint that says all about itself, and a state from which to go on.

    RUN/seed_0/checkpoint.pt    weights, config, specs of the stores, lists; written when a seed is done
    RUN/seed_0/config.yaml      the settings, good for --config
    RUN/seed_0/metrics.jsonl    one line an epoch
    RUN/seed_0/resume.pt        the state after the last whole epoch; gone when the seed is done

Files hold plain values and tensors only: torch.load(weights_only=True) reads them and runs nothing else.
"""

from __future__ import annotations

import re
import warnings
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import torch
from torch import Tensor

from extract.runtime.atomic import writing
from extract.runtime.text import listed
from extract.runtime.versions import TRAINING, versions
from extract.store import FeatureSpec, FeatureStore
from score.bags.bags import BagSpec
from score.bags.standardise import Standardisation
from score.config.run import RunConfig
from score.heads import HEADS
from score.heads.base import Head
from score.leakage.fingerprints import Fingerprints

FORMAT_VERSION = 1
CHECKPOINT, RESUME, CONFIG, METRICS = "checkpoint.pt", "resume.pt", "config.yaml", "metrics.jsonl"
SEED_FOLDER = re.compile(r"seed_(\d+)")


class CheckpointError(ValueError):
    """A checkpoint or a run's folder is not what it should be; the text is one line for a person."""


@dataclass(frozen=True)
class Checkpoint:
    """A trained head and what it needs.

    weights: state dict. specs: of the stores, in the order they were given. lists: "train" and "validation"
    -> digest, number and ids of the videos. epoch: the one whose weights these are. validation: its video_auc,
    loss and frame_threshold (score.training.validation.judge), and of one-class heads usual_scores; empty without. fingerprints: of the videos of the lists,
    None where an earlier version wrote the file.
    """

    config: RunConfig
    bag_spec: BagSpec
    specs: tuple[FeatureSpec, ...]
    weights: dict[str, Tensor]
    standardisation: Standardisation | None
    lists: dict[str, dict]
    seed: int
    epoch: int
    validation: dict[str, float | None] = field(default_factory=dict)
    versions: dict[str, str] = field(default_factory=dict)
    fingerprints: Fingerprints | None = None

    def build_head(self) -> Head:
        """The head with these weights, in evaluation mode."""
        head = build_head(self.config, self.bag_spec)
        head.load_state_dict(self.weights)
        return head.eval()

    def match_stores(self, stores: list[FeatureStore]) -> list[FeatureStore]:
        """The stores in the order of the training. Raises CheckpointError naming what differs."""
        if len(stores) != len(self.specs):
            names = ", ".join(f"{spec.preset} ({spec.modality})" for spec in self.specs)
            raise CheckpointError(
                f"{len(stores)} stores are given, the checkpoint was trained on {len(self.specs)}: {names}"
            )
        left, matched = list(stores), []
        for spec in self.specs:
            fit = min(left, key=lambda store: len(store.spec.differences(spec)))
            if differences := fit.spec.differences(spec):
                raise CheckpointError(
                    f"{fit.root} was extracted with other settings than the checkpoint was trained on: "
                    f"{'; '.join(differences)}"
                )
            left.remove(fit)
            matched.append(fit)
        return matched


def build_head(config: RunConfig, bag_spec: BagSpec) -> Head:
    """A head with fresh weights from torch's own random state."""
    return HEADS[config.name](config.head, bag_spec)


def save_checkpoint(checkpoint: Checkpoint, path: Path) -> None:
    """Write a checkpoint, whole or not at all."""
    stats = checkpoint.standardisation
    _save(
        path,
        "checkpoint",
        {
            "config": checkpoint.config.to_dict(),
            "bags": {
                "feature_dims": dict(checkpoint.bag_spec.feature_dims),
                "event_classes": list(checkpoint.bag_spec.event_classes),
                "class_counts": list(checkpoint.bag_spec.class_counts),
                "array_shapes": {
                    name: list(shape) for name, shape in checkpoint.bag_spec.array_shapes.items()
                },
            },
            "specs": [spec.to_json() for spec in checkpoint.specs],
            "weights": {name: rows.detach().cpu().clone() for name, rows in checkpoint.weights.items()},
            "standardise": None
            if stats is None
            else {"mean": dict(stats.mean), "deviation": dict(stats.deviation)},
            "lists": checkpoint.lists,
            "seed": checkpoint.seed,
            "epoch": checkpoint.epoch,
            "validation": dict(checkpoint.validation),
            "versions": checkpoint.versions or _versions(),
            "fingerprints": None if checkpoint.fingerprints is None else checkpoint.fingerprints.to_dict(),
        },
    )


def load_checkpoint(path: Path | str) -> Checkpoint:
    """Read a checkpoint file, or that of a seed's folder. Raises CheckpointError for anything else."""
    path = Path(path)
    if path.is_dir():
        path = path / CHECKPOINT
    values = load_file(path, "checkpoint")
    try:
        stats, bags = values["standardise"], values["bags"]
        checkpoint = Checkpoint(
            config=RunConfig.from_dict(values["config"]),
            bag_spec=BagSpec(
                {str(name): int(size) for name, size in bags["feature_dims"].items()},
                tuple(map(str, bags["event_classes"])),
                tuple(map(int, bags["class_counts"])),
                {str(name): tuple(map(int, shape)) for name, shape in bags.get("array_shapes", {}).items()},
            ),
            specs=tuple(FeatureSpec.from_json(text) for text in values["specs"]),
            weights=_tensors(values["weights"]),
            standardisation=None
            if stats is None
            else Standardisation(_tensors(stats["mean"]), _tensors(stats["deviation"])),
            lists=dict(values["lists"]),
            seed=int(values["seed"]),
            epoch=int(values["epoch"]),
            validation=dict(values["validation"]),
            versions=dict(values["versions"]),
            fingerprints=None
            if values.get("fingerprints") is None
            else Fingerprints.from_dict(values["fingerprints"]),
        )
        _check_weights(checkpoint)
    except KeyError as error:
        raise CheckpointError(f"{path} is no whole checkpoint: {error} is missing") from None
    except (TypeError, ValueError, AttributeError, RuntimeError) as error:
        raise CheckpointError(f"{path} cannot be used: {' '.join(str(error).split())}") from None
    return checkpoint


def _check_weights(checkpoint: Checkpoint) -> None:
    """Compare names and shapes with the head that the config describes, before memory is spent on it."""
    with torch.device("meta"):
        expected = build_head(checkpoint.config, checkpoint.bag_spec).state_dict()
    if differing := sorted(set(expected) ^ set(checkpoint.weights)):
        raise ValueError(f"its weights do not belong to its head: {listed(differing)} missing or too many")
    for name, rows in expected.items():
        if rows.shape != checkpoint.weights[name].shape:
            raise ValueError(
                f"weight {name} has shape {list(checkpoint.weights[name].shape)}, expected {list(rows.shape)}"
            )
    if checkpoint.standardisation is not None:
        for name, size in checkpoint.bag_spec.feature_dims.items():
            shapes = {
                tuple(rows[name].shape)
                for rows in (checkpoint.standardisation.mean, checkpoint.standardisation.deviation)
            }
            if shapes != {(size,)}:
                raise ValueError(f"standardisation of {name} has shapes {sorted(shapes)}, expected ({size},)")


def save_resume(state: dict, path: Path) -> None:
    """Write the state of an unfinished seed, whole or not at all.

    It survives the process, not a power cut: to wait for the disk would take longer than a short epoch.
    """
    _save(path, "resume", state, wait=False)


def load_file(path: Path | str, kind: str) -> dict:
    """The values of a file that this module wrote. Raises CheckpointError, one line, for any other file."""
    path = Path(path)
    if not path.is_file():
        raise CheckpointError(f"{path}: no such file; train makes it")
    try:
        with warnings.catch_warnings():  # about pickles of other makers, which end as an error all the same
            warnings.simplefilter("ignore")
            values = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # hostile or damaged bytes end in many kinds of error, no help to a reader
        raise CheckpointError(
            f"{path} is damaged or no {kind} of vad-score ({type(error).__name__} while reading); "
            "train again or copy it again"
        ) from None
    if not isinstance(values, dict) or values.get("format") != f"vad-score {kind}":
        raise CheckpointError(f"{path} is no {kind} of vad-score: a file of another program")
    if values.get("format_version") != FORMAT_VERSION:
        raise CheckpointError(
            f"{path} has format {values.get('format_version')!r}, this version reads {FORMAT_VERSION}"
        )
    return values


def checkpoint_paths(run: Path | str) -> list[Path]:
    """The checkpoints of a run in the order of their seeds; `run` may also be a seed's folder or a file.

    Raises CheckpointError where there is none, or where a seed of the run is not finished.
    """
    run = Path(run)
    if run.is_file():
        return [run]
    if (run / CHECKPOINT).is_file():
        return [run / CHECKPOINT]
    folders = seed_folders(run)
    if not folders:
        raise CheckpointError(f"{run} holds no run of vad-score train (no seed_* folder in it)")
    unfinished = [folder.name for folder in folders if not (folder / CHECKPOINT).is_file()]
    if unfinished:
        raise CheckpointError(
            f"{run}: {', '.join(unfinished)} not finished; "
            f"go on with vad-score train ... --out {run} --resume"
        )
    return [folder / CHECKPOINT for folder in folders]


def seed_folders(run: Path) -> list[Path]:
    """The folders of a run's seeds, in their order."""
    if not run.is_dir():
        return []
    found = [path for path in run.iterdir() if path.is_dir() and SEED_FOLDER.fullmatch(path.name)]
    return sorted(found, key=lambda path: int(SEED_FOLDER.fullmatch(path.name)[1]))


def _versions() -> dict[str, str]:
    # Only torch's own string names its build, such as +cpu or +cu130.
    return {**versions(TRAINING), "torch": str(torch.__version__)}


def _tensors(values: Mapping) -> dict[str, Tensor]:
    for name, rows in values.items():
        if not isinstance(name, str) or not isinstance(rows, Tensor):
            raise ValueError(f"{name!r} is {type(rows).__name__}, expected a tensor")
    return dict(values)


def _save(path: Path, kind: str, values: dict, *, wait: bool = True) -> None:
    # A file object, because torch writes the name of a path into the archive.
    with writing(path, durable=wait) as partial, open(partial, "wb") as file:
        torch.save({"format": f"vad-score {kind}", "format_version": FORMAT_VERSION, **values}, file)
