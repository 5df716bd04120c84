"""Checkpoints: a trained head with everything that scoring with it needs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import torch
from torch import Tensor

from extract.runtime.text import listed
from extract.runtime.versions import training_versions
from extract.store import FeatureSpec, FeatureStore
from score.bags.bags import BagSpec
from score.bags.standardise import Standardisation
from score.config.run_config import RunConfig
from score.heads import HEADS
from score.heads.base import Head
from score.leakage.fingerprints import Fingerprints
from score.runs.checkpoint_error import CheckpointError
from score.runs.run_folders import CHECKPOINT
from score.runs.torch_file import load_file, save_file


@dataclass(frozen=True)
class Checkpoint:
    """A trained head and what it was trained with.

    weights: state dict. specs: of the stores, in the order they were given. lists: "train" and "validation"
    -> digest, number and ids of their videos. epoch: the one that was kept. validation: what validate of
    score.training.validation measured then, for one-class heads with normal_percentiles; {} without.
    fingerprints: of the videos of the lists, None for heads on clips and for checkpoints of early versions.
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
        """The stores in the order of training. Raises CheckpointError that says what differs."""
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
    """A head with fresh weights, drawn from torch's random state."""
    return HEADS[config.name](config.head, bag_spec)


def save_checkpoint(checkpoint: Checkpoint, path: Path) -> None:
    """Write a checkpoint atomically."""
    bags, stats = checkpoint.bag_spec, checkpoint.standardisation
    values = {
        "config": checkpoint.config.to_dict(),
        "bags": {
            "feature_dims": dict(bags.feature_dims),
            "event_classes": list(bags.event_classes),
            "class_counts": list(bags.class_counts),
            "array_shapes": {name: list(shape) for name, shape in bags.array_shapes.items()},
        },
        "specs": [spec.to_json() for spec in checkpoint.specs],
        "weights": {name: rows.detach().cpu().clone() for name, rows in checkpoint.weights.items()},
        "standardise": None,
        "lists": checkpoint.lists,
        "seed": checkpoint.seed,
        "epoch": checkpoint.epoch,
        "validation": dict(checkpoint.validation),
        "versions": checkpoint.versions or training_versions(),
        "fingerprints": None if checkpoint.fingerprints is None else checkpoint.fingerprints.to_dict(),
    }
    if stats is not None:
        values["standardise"] = {"mean": dict(stats.mean), "deviation": dict(stats.deviation)}
    save_file(values, path, "checkpoint")


def load_checkpoint(path: Path | str) -> Checkpoint:
    """Read a checkpoint file, or that of a seed's folder. Raises CheckpointError for anything else."""
    path = Path(path)
    if path.is_dir():
        path = path / CHECKPOINT
    values = load_file(path, "checkpoint")
    try:
        checkpoint = _from_values(values)
        _check_weights(checkpoint)
    except KeyError as error:
        raise CheckpointError(f"{path} is not a complete checkpoint: {error} is missing") from None
    except (TypeError, ValueError, AttributeError, RuntimeError) as error:
        raise CheckpointError(f"{path} cannot be used: {' '.join(str(error).split())}") from None
    return checkpoint


def _from_values(values: Mapping) -> Checkpoint:
    stats, bags, fingerprints = values["standardise"], values["bags"], values.get("fingerprints")
    return Checkpoint(
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
        fingerprints=None if fingerprints is None else Fingerprints.from_dict(fingerprints),
    )


def _check_weights(checkpoint: Checkpoint) -> None:
    """Compare names and shapes with the head of the config, before memory is allocated for it."""
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


def _tensors(values: Mapping) -> dict[str, Tensor]:
    for name, rows in values.items():
        if not isinstance(name, str) or not isinstance(rows, Tensor):
            raise ValueError(f"{name!r} is {type(rows).__name__}, expected a tensor")
    return dict(values)
