"""Trainings of a moment on tiny stores, stopped on purpose and compared bit for bit."""

import json

import torch
from click.testing import CliRunner

from score.bags.bags import BagSpec
from score.cli import main
from score.config.presets import preset_of
from score.config.run_config import resolve
from score.training.state import Training
from score.training.training_data import TrainingData, prepare
from support.tiny_stores import make_store, make_videos

SMALL = ("train.epochs=3", "train.batch=8")
SMALL_MIL = (*SMALL, "head.hidden=[8]", "data.segments.n=6")


def make_data(root, *, overrides=SMALL_MIL, name="mil", videos=None, validation=()):
    videos = make_videos(8, 8) if videos is None else videos
    config = resolve(preset_of(name), overrides=overrides)
    return config, prepare(config, [make_store(root / "store", [*videos, *validation])], videos, validation)


def assert_same(first, second):
    """Two checkpoints are equal in every bit of every weight."""
    assert first.epoch == second.epoch and first.validation == second.validation
    assert first.weights.keys() == second.weights.keys()
    for name, rows in first.weights.items():
        assert torch.equal(rows, second.weights[name]), name


class Stop(Exception):
    """Ends a training from within, as a killed process would."""


def stop_after(epoch):
    """An `on_epoch` that raises Stop after this epoch."""

    def check(record):
        if record.epoch == epoch:
            raise Stop

    return check


def resumed_lines(folder):
    """The records of metrics.jsonl without their seconds, which differ between runs."""
    records = [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]
    return [{name: value for name, value in record.items() if name != "seconds"} for record in records]


def run_cli(*words):
    """vad-score with these arguments, in this process."""
    return CliRunner().invoke(main, [str(word) for word in words])


class FixedBatches:
    """Stands in for a cache: gives these bags one after another, whatever videos are asked for."""

    def __init__(self, batches):
        self.batches, self.given = batches, 0
        self.label = torch.arange(2.0)

    def bags(self, _videos, **_options):
        self.given += 1
        return self.batches[(self.given - 1) % len(self.batches)]

    def chunks(self):
        yield from self.batches


def training_on(batches, name, *overrides, spec=None):
    """A training whose every epoch takes these batches in their order."""
    words = (f"train.steps_per_epoch={len(batches)}", "train.optimizer.schedule=constant", *overrides)
    spec = BagSpec({"rgb": 6}) if spec is None else spec
    data = TrainingData(FixedBatches(batches), None, "", spec, (), None, {})
    config = resolve(preset_of(name), overrides=words)
    return Training(config, data, seed=0, device=torch.device("cpu"))
