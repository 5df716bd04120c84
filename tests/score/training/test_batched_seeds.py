"""Seeds that are trained together learn what each learns alone."""

import json

import pytest
import torch
from click.testing import CliRunner

from data_lists import write_list
from score.cli import main
from score.config.presets import preset_of
from score.config.run_config import resolve
from score.heads import HEADS
from score.runs.checkpoint import load_checkpoint
from score.training.batched_seeds import BATCHED_HEADS, batching_blocker, train_seeds
from score.training.loop import train_seed
from score.training.optimizers import OPTIMIZERS
from score.training.seed_stack import clip_each
from score.training.training_data import prepare
from support.tiny_stores import make_store, make_videos

SEEDS = (0, 3, 4)
SMALL = ("train.epochs=3", "train.batch=8", "head.hidden=[8]", "head.dropout=0", "data.segments.n=6")


def made(root, *overrides, crops=1, name="mil", **changes):
    videos = make_videos(9, 7)
    config = resolve(preset_of(name), overrides=(*SMALL, *overrides))
    store = make_store(root / "store", videos, num_crops=crops, crops="made", **changes)
    return config, prepare(config, [store], videos)


def together(config, data, root, *, at_once=3, **options):
    folders = {seed: root / f"seed_{seed}" for seed in SEEDS}
    return train_seeds(config, data, folders=folders, at_once=at_once, **options)


def records(folder):
    return [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]


def assert_close(one, other):
    assert one.seed == other.seed and one.epoch == other.epoch
    for name, rows in one.weights.items():
        torch.testing.assert_close(rows, other.weights[name], rtol=1e-4, atol=1e-5)


CASES = {
    "adamw with a schedule": (),
    "windows of whole videos": ("data.segments.mode=crop",),
    "videos of different lengths": ("data.segments.mode=none",),
    "swapped backgrounds": ("data.exchange=0.7",),
    "clipped": ("train.optimizer.clip_norm=0.05", "train.optimizer.name=sgd", "train.optimizer.momentum=0.9"),
    "several batches a step": ("train.accumulate=2", "train.steps_per_epoch=5"),
    "losses over weights": ("head.kernel_weight=0.01", "head.objective=bce"),
    **{name: (f"train.optimizer.name={name}", "train.optimizer.weight_decay=0.001") for name in OPTIMIZERS},
}


@pytest.mark.slow
@pytest.mark.parametrize("overrides", CASES.values(), ids=CASES)
def test_each_seed_learns_what_it_learns_alone(tmp_path, overrides):
    config, data = made(tmp_path, *overrides)
    found = together(config, data, tmp_path / "together")
    assert list(found) == list(SEEDS)
    for seed in SEEDS:
        alone = train_seed(config, data, folder=tmp_path / f"alone_{seed}", seed=seed)
        assert_close(alone, found[seed])
        for one, other in zip(
            records(tmp_path / f"alone_{seed}"), records(tmp_path / "together" / f"seed_{seed}"), strict=True
        ):
            assert one["epoch"] == other["epoch"] and one["lr"] == other["lr"]
            for name, value in one["loss"].items():
                assert other["loss"][name] == pytest.approx(value, rel=1e-4, abs=1e-6)


@pytest.mark.slow
@pytest.mark.parametrize("at_once", [None, 1, 2])
def test_gradients_may_be_computed_for_some_seeds_at_a_time(tmp_path, at_once):
    config, data = made(tmp_path)
    all_at_once = together(config, data, tmp_path / "all")
    for seed, checkpoint in together(config, data, tmp_path / "some", at_once=at_once).items():
        assert_close(checkpoint, all_at_once[seed])


@pytest.mark.parametrize("crops", ["all", "random"])
def test_crops_are_drawn_as_each_seed_draws_them_alone(tmp_path, crops):
    config, data = made(tmp_path, f"data.crops={crops}", crops=3)
    found = together(config, data, tmp_path / "together")
    for seed in SEEDS:
        assert_close(train_seed(config, data, folder=tmp_path / f"alone_{seed}", seed=seed), found[seed])


@pytest.mark.parametrize("crops", ["all", "random"])
def test_wide_features_are_left_out_as_each_seed_leaves_them_out_alone(tmp_path, crops):
    settings = (f"data.crops={crops}", "data.feature_dropout=0.5", "data.normalise=wide")
    config, data = made(tmp_path, *settings, crops=2, feature_dim=130)
    found = together(config, data, tmp_path / "together")
    for seed in SEEDS:
        assert_close(train_seed(config, data, folder=tmp_path / f"alone_{seed}", seed=seed), found[seed])
    whole = together(resolve(config, overrides=["data.feature_dropout=0"]), data, tmp_path / "whole")
    assert any(not torch.equal(rows, whole[0].weights[name]) for name, rows in found[0].weights.items())


def test_seeds_have_dropout_of_their_own_and_repeat_exactly(tmp_path):
    config, data = made(tmp_path, "head.dropout=0.5")
    first, again = (together(config, data, tmp_path / name) for name in ("one", "two"))
    for seed in SEEDS:
        for name, rows in first[seed].weights.items():
            assert torch.equal(rows, again[seed].weights[name])
    plain = together(resolve(config, overrides=["head.dropout=0"]), data, tmp_path / "plain")
    assert not torch.equal(first[0].weights["scorer.1.weight"], plain[0].weights["scorer.1.weight"])


class Stop(Exception):
    pass


def stop_at(stopped_seed, stopped_epoch):
    def check(seed, record):
        if seed == stopped_seed and record.epoch == stopped_epoch:
            raise Stop

    return check


def test_a_stopped_run_resumes_together_or_alone(tmp_path):
    config, data = made(tmp_path, "train.epochs=4")
    whole = together(config, data, tmp_path / "whole")
    for name, seed in (("even", SEEDS[-1]), ("uneven", SEEDS[0])):  # after the last or the first of an epoch
        with pytest.raises(Stop):
            together(config, data, tmp_path / name, on_epoch=stop_at(seed, 2))
    assert [len(records(tmp_path / "uneven" / f"seed_{seed}")) for seed in SEEDS] == [2, 1, 1]
    for name in ("even", "uneven"):
        alone = train_seed(config, data, folder=tmp_path / name / "seed_3", seed=3)
        rest = together(config, data, tmp_path / name)
        for seed in SEEDS:
            assert_close(whole[seed], alone if seed == 3 else rest[seed])
        assert torch.equal(rest[3].weights["scorer.1.weight"], alone.weights["scorer.1.weight"])


@pytest.mark.slow
def test_a_seed_without_progress_stops_and_the_others_continue(tmp_path):
    config, data = made(tmp_path, "train.epochs=20", "train.patience=2", "train.optimizer.lr=0.02")
    found = together(config, data, tmp_path / "together")
    epochs = {seed: len(records(tmp_path / "together" / f"seed_{seed}")) for seed in SEEDS}
    assert len(set(epochs.values())) > 1
    for seed in SEEDS:
        alone = train_seed(config, data, folder=tmp_path / f"alone_{seed}", seed=seed)
        assert found[seed].epoch == alone.epoch and len(records(tmp_path / f"alone_{seed}")) == epochs[seed]


def test_gradients_are_clipped_seed_by_seed():
    gradients = [torch.randn(3, 4, 2), torch.randn(3, 5)]
    expected = []
    for place in range(3):
        parameters = [torch.nn.Parameter(torch.zeros_like(rows[place])) for rows in gradients]
        for parameter, rows in zip(parameters, gradients, strict=True):
            parameter.grad = rows[place].clone()
        torch.nn.utils.clip_grad_norm_(parameters, 2.5)
        expected.append([parameter.grad for parameter in parameters])
    clip_each(gradients, 2.5)
    for place in range(3):
        for rows, clipped in zip(gradients, expected[place], strict=True):
            torch.testing.assert_close(rows[place], clipped)


@pytest.mark.parametrize(
    "name, overrides, said",
    [
        ("rtfm", (), "seeds of rtfm cannot be trained together, only those of mil"),
        ("mil", ("train.anomalous_share=null",), "train.anomalous_share=null"),
        ("mil", ("train.average=0.9",), "train.average"),
    ],
)
def test_what_cannot_be_trained_together_is_refused_in_a_line(tmp_path, name, overrides, said):
    config = resolve(preset_of(name), overrides=overrides)
    assert said in batching_blocker(config)
    with pytest.raises(ValueError, match=said):
        train_seeds(config, None, folders={0: tmp_path})


def test_heads_that_train_together_exist():
    assert set(BATCHED_HEADS) <= set(HEADS) and batching_blocker(preset_of("mil")) == ""


def run_cli(*words):
    return CliRunner().invoke(main, [str(word) for word in words])


def test_the_command_trains_together_and_the_run_is_like_any_other(tmp_path):
    videos = make_videos(8, 8)
    make_store(tmp_path / "store", videos)
    write_list(tmp_path / "train.tsv", videos)
    words = ["train", "--store", tmp_path / "store", "--list", tmp_path / "train.tsv", "--seeds", 3]
    words += ["--set", "train.epochs=2", "--set", "head.dropout=0"]
    for name, option in (("one", ()), ("all", ("--together",))):
        done = run_cli(*words, "--head", "mil", "--out", tmp_path / name, "--device", "cpu", *option)
        assert done.exit_code == 0, done.output
        assert [line.split(":")[0] for line in done.output.splitlines()[1:]] == ["seed 0", "seed 1", "seed 2"]
    for seed in range(3):
        assert_close(*(load_checkpoint(tmp_path / name / f"seed_{seed}") for name in ("one", "all")))
        assert sorted(path.name for path in (tmp_path / "all" / f"seed_{seed}").iterdir()) == [
            "checkpoint.pt",
            "config.yaml",
            "metrics.jsonl",
        ]
    refused = run_cli(*words, "--head", "rtfm", "--out", tmp_path / "rtfm", "--together")
    assert refused.exit_code == 2 and "seeds of rtfm cannot be trained together" in refused.output
    assert "Traceback" not in refused.output
