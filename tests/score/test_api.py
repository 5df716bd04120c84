"""Training, evaluating and predicting from Python is what the commands do."""

import json

import pytest

from data_lists import ListError, write_list
from score.api import evaluate, train
from score.config.run_config import ConfigError
from score.runs.checkpoint import load_checkpoint
from score.runs.checkpoint_error import CheckpointError
from support.tiny_stores import make_store, make_videos
from support.tiny_trainings import SMALL_MIL, assert_same, run_cli


@pytest.fixture
def material(tmp_path):
    """A store and two lists, as the keyword arguments that name them."""
    train_videos, test_videos = make_videos(8, 8), make_videos(3, 3, prefix="test_")
    make_store(tmp_path / "store", [*train_videos, *test_videos])
    write_list(tmp_path / "train.tsv", train_videos)
    write_list(tmp_path / "test.tsv", test_videos)
    return {"stores": [tmp_path / "store"], "lists": [tmp_path / "train.tsv"]}


def test_train_and_evaluate_give_the_numbers_of_the_commands(material, tmp_path):
    words = ["--store", *material["stores"], "--list", *material["lists"]]
    words += [word for setting in SMALL_MIL for word in ("--set", setting)]
    done = run_cli("train", "--head", "mil", *words, "--out", tmp_path / "cli", "--seeds", "2")
    assert done.exit_code == 0, done.output
    trained = train("mil", **material, run=tmp_path / "api", seeds=2, overrides=SMALL_MIL, device="cpu")
    for seed, checkpoint in enumerate(trained):
        assert_same(checkpoint, load_checkpoint(tmp_path / "cli" / f"seed_{seed}"))

    words = ["--store", *material["stores"], "--list", tmp_path / "test.tsv", "--json", tmp_path / "cli.json"]
    assert run_cli("evaluate", tmp_path / "cli", *words).exit_code == 0
    evaluation = evaluate(tmp_path / "api", stores=material["stores"], lists=[tmp_path / "test.tsv"])
    printed = json.loads((tmp_path / "cli.json").read_text())["video_auc"]
    assert evaluation.summaries["video_auc"].mean == printed["mean"]


def test_train_keeps_finished_seeds_and_refuses_other_settings(material, tmp_path):
    (first,) = train("mil", **material, run=tmp_path / "run", overrides=SMALL_MIL)
    again, second = train("mil", **material, run=tmp_path / "run", seeds=2, overrides=SMALL_MIL)
    assert_same(first, again)
    assert (first.seed, second.seed) == (0, 1)
    with pytest.raises(CheckpointError, match="epochs"):
        train("mil", **material, run=tmp_path / "run", overrides=[*SMALL_MIL, "train.epochs=4"])


def test_a_head_may_name_its_preset(material, tmp_path):
    (checkpoint,) = train("mil:debug", **material, run=tmp_path / "run")
    assert checkpoint.config.train.steps_per_epoch == 2  # of the preset debug
    with pytest.raises(ConfigError, match="mill"):
        train("mill", **material, run=tmp_path / "other")
    with pytest.raises(ListError, match="test split"):
        train("mil", stores=material["stores"], lists=["ucf_crime/test"], run=tmp_path / "other")
