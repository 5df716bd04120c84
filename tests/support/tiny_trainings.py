"""Trainings of a moment on tiny stores, stopped on purpose and compared bit for bit."""

import json

import torch
from click.testing import CliRunner

from score.cli import main
from score.config.presets import preset_of
from score.config.run import resolve
from score.training.data import prepare
from support.tiny_stores import make_store, make_videos

SMALL = ("train.epochs=3", "train.batch=8")
SMALL_MIL = (*SMALL, "head.hidden=[8]", "data.segments.n=6")


def make_data(root, *, overrides=SMALL_MIL, name="mil", videos=None, validation=()):
    videos = make_videos(8, 8) if videos is None else videos
    config = resolve(preset_of(name), overrides=overrides)
    return config, prepare(config, [make_store(root / "store", [*videos, *validation])], videos, validation)


def assert_same(first, second):
    """The two checkpoints are equal in every bit of every weight."""
    assert first.epoch == second.epoch and first.validation == second.validation
    assert first.weights.keys() == second.weights.keys()
    for name, rows in first.weights.items():
        assert torch.equal(rows, second.weights[name]), name


class Stop(Exception):
    pass


def stop_after(epoch):
    def check(record):
        if record.epoch == epoch:
            raise Stop

    return check


def resumed_lines(folder):
    records = [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]
    return [{name: value for name, value in record.items() if name != "seconds"} for record in records]


def run_cli(*words):
    return CliRunner().invoke(main, [str(word) for word in words])
