"""Checkpoints: a trained head with everything that scoring with it needs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

import torch
from torch import Tensor

from extract.runtime.foreign.foreign_error import one_line
from extract.runtime.memory_limits import naming_memory
from extract.runtime.text import listed
from extract.runtime.versions import training_versions
from extract.store import FeatureSpec, FeatureStore
from score.bags.bags import BagSpec
from score.bags.standardise import Standardisation
from score.config.run_config import RunConfig
from score.heads import HEADS
from score.heads.base import Head
from score.heads.fusion import fused
from score.leakage.fingerprints import Fingerprints
from score.leakage.leak_check import TrainingRecord
from score.pooling.modality_table import modality_table
from score.runs.checkpoint_error import CheckpointError
from score.runs.checkpoint_fields import check_fields, check_tensor, read_spec
from score.runs.checkpoint_source import Source
from score.runs.checkpoint_texts import texts_of_fields, texts_to_fields
from score.runs.identity import check_one_run, identity_of
from score.runs.run_folders import CHECKPOINT, checkpoint_paths
from score.runs.torch_file import load_file, save_file
from score.runs.validation_record import ValidationRecord
from score.runs.without_values import without_values


@dataclass(frozen=True)
class Checkpoint:
    """A trained head and what it was trained with.

    weights: state dict. specs: of the stores, in the order they were given. lists: "train" and "validation"
    -> digest, number and ids of their videos. epoch: the one that was kept. validation: what validate of
    score.training.validation measured then, for one-class heads with normal_percentiles; {} without.
    fingerprints: of the videos of the lists, None for heads on clips and for checkpoints of early versions.
    source: the checkpoint that training started from, None if it started from random weights.
    validation_record: the scores of its validation videos; None without any, and in older checkpoints.
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
    source: Source | None = None
    validation_record: ValidationRecord | None = None

    @property
    def records(self) -> list[TrainingRecord]:
        """The videos of this training, and of those that it started from."""
        earlier = [] if self.source is None else self.source.records()
        return [TrainingRecord(self.lists, self.fingerprints), *earlier]

    @property
    def seen(self) -> set[str]:
        """Ids of all videos of training and validation, also of those that it started from."""
        return {
            name
            for record in self.records
            for part in record.lists.values()
            for name in part.get("video_ids", ())
        }

    def build_head(self) -> Head:
        """The head with these weights, in evaluation mode."""
        head = build_head(self.config, self.bag_spec)
        head.load_state_dict(self.weights)
        return head.eval()

    def joining(self, join: str | None) -> Checkpoint:
        """The same with several stores joined like this; None leaves it. See score.pooling.segment_join."""
        if join is None:
            return self
        data = self.config.data
        segments = replace(data.segments, join=join)
        return replace(self, config=replace(self.config, data=replace(data, segments=segments)))

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
    with naming_memory(lambda: f"the head {config.name}", "use a smaller one"):
        return fused(HEADS[config.name], config.head, config.fusion, bag_spec)


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
            **({} if bags.texts is None else {"texts": texts_to_fields(bags.texts)}),
            **({"added": bags.added} if bags.added else {}),
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
        "source": None if checkpoint.source is None else checkpoint.source.to_dict(),
    }
    if checkpoint.validation_record is not None:
        values["validation_record"] = checkpoint.validation_record.to_dict()
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
        check_fields(values)
        checkpoint = _from_values(values)
        _check_weights(checkpoint)
    except (
        KeyError,
        TypeError,
        ValueError,
        AttributeError,
        RuntimeError,
        MemoryError,
        OverflowError,
    ) as error:
        raise CheckpointError(f"{path} cannot be used: {one_line(error)}") from None
    return checkpoint


def load_run(run: Path | str) -> list[Checkpoint]:
    """The checkpoints of a run in the order of their seeds; `run` may also be a seed's folder or a file.

    Raises CheckpointError if one cannot be read, or if they are not seeds of one run: other heads, settings,
    lists or stores, or one seed twice.
    """
    paths = checkpoint_paths(run)
    checkpoints = [load_checkpoint(path) for path in paths]
    identities = [
        identity_of(each.config, each.lists, each.specs, texts=each.bag_spec.texts)
        # Each seed may have started from the same seed of another run.
        | {"source": None if each.source is None else each.source.trained_on}
        for each in checkpoints
    ]
    for path, checkpoint, identity in zip(paths[1:], checkpoints[1:], identities[1:], strict=True):
        check_one_run(identities[0], identity, paths[0].parent, path.parent)
        if checkpoint.bag_spec != checkpoints[0].bag_spec:
            raise CheckpointError(f"{path.parent} has other classes or features than {paths[0].parent.name}")
    seeds = [checkpoint.seed for checkpoint in checkpoints]
    if repeated := [
        path.parent.name for path, seed in zip(paths, seeds, strict=True) if seeds.count(seed) > 1
    ]:
        raise CheckpointError(f"{run}: {listed(repeated)} hold the same seed; each seed counts once")
    return checkpoints


def _from_values(values: Mapping) -> Checkpoint:
    stats, bags, fingerprints = values["standardise"], values["bags"], values.get("fingerprints")
    source, record = values.get("source"), values.get("validation_record")
    shapes = bags.get("array_shapes", {}).items()
    config, specs = RunConfig.from_dict(values["config"]), tuple(map(read_spec, values["specs"]))
    table = modality_table(specs, config.data.segments) if bags["feature_dims"] else ()
    missing = config.data.segments.zeros == "missing"
    return Checkpoint(
        config=config,
        bag_spec=BagSpec(
            dict(bags["feature_dims"]),
            tuple(bags["event_classes"]),
            tuple(bags["class_counts"]),
            {name: tuple(shape) for name, shape in shapes},
            table,
            None if bags.get("texts") is None else texts_of_fields(bags["texts"]),
            bags.get("added", 0),
        ),
        specs=specs,
        weights=dict(values["weights"]),
        standardisation=None
        if stats is None
        else Standardisation(dict(stats["mean"]), dict(stats["deviation"]), missing),
        lists=dict(values["lists"]),
        seed=values["seed"],
        epoch=values["epoch"],
        validation=dict(values["validation"]),
        versions=dict(values["versions"]),
        fingerprints=None if fingerprints is None else Fingerprints.from_dict(fingerprints),
        source=None if source is None else Source.from_dict(source),
        validation_record=None if record is None else ValidationRecord.from_dict(record),
    )


def _check_weights(checkpoint: Checkpoint) -> None:
    """Compare every tensor with the head of the config, before memory is allocated for it."""
    with without_values():
        expected = build_head(checkpoint.config, checkpoint.bag_spec).state_dict()
    if differing := sorted(set(expected) ^ set(checkpoint.weights)):
        raise ValueError(f"its weights do not belong to its head: {listed(differing)} missing or too many")
    for name, rows in expected.items():
        check_tensor(f"weight {name}", checkpoint.weights[name], rows)
    if (stats := checkpoint.standardisation) is not None:
        for part, found in (("mean", stats.mean), ("deviation", stats.deviation)):
            if set(found) != set(checkpoint.bag_spec.feature_dims):
                raise ValueError(f"standardisation is of {listed(sorted(found))}, the head is not")
            for name, size in checkpoint.bag_spec.feature_dims.items():
                check_tensor(
                    f"standardisation of {name}, {part},", found[name], torch.empty(size, device="meta")
                )
        if any(bool((rows <= 0).any()) for rows in stats.deviation.values()):
            raise ValueError("standardisation divides by a deviation that is not above 0")
