"""Fine-tuning starts from a checkpoint: its scores, statistics, classes and training videos stay with it."""

import shutil
from dataclasses import replace

import numpy as np
import pytest
import torch
import yaml

from data_lists import ListError, Video, write_list
from extract.store import FeatureStore
from score import api
from score.config.presets import preset_of
from score.config.run_config import ConfigError, resolve
from score.evaluation.evaluate_run import evaluate_run
from score.runs.checkpoint import load_checkpoint, save_checkpoint
from score.runs.checkpoint_error import CheckpointError
from score.runs.run_folders import CHECKPOINT, CONFIG, RESUME
from score.runs.torch_file import load_file, save_file
from score.scoring.scorer import Scorer
from score.training.batched_seeds import train_seeds
from score.training.loop import train_seed
from score.training.starting_point import predicts_classes, settings_from, start_of, starting_points
from score.training.training_data import prepare
from support.tiny_clips import make_clip_store
from support.tiny_reclass import TINY
from support.tiny_stores import make_store, make_videos
from support.tiny_trainings import SMALL, SMALL_MIL, Stop, assert_same, make_data, run_cli, stop_after

OLD, NEW = make_videos(6, 6, prefix="old/"), make_videos(5, 5, prefix="new/")
LOWER_RATE = ("train.optimizer.lr=0.0003", "train.epochs=2")


def trained(root, *, name="mil", overrides=(*SMALL_MIL, "data.standardise=feature"), seeds=(0,)):
    """The run that fine-tuning starts from."""
    config, data = make_data(root, overrides=overrides, name=name, videos=OLD)
    for seed in seeds:
        train_seed(config, data, folder=root / "run" / f"seed_{seed}", seed=seed)
    return root / "run"


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """A finished run of two seeds."""
    return trained(tmp_path_factory.mktemp("source"), seeds=(0, 1))


def tuning(root, source, *overrides, videos=NEW):
    """(config, data) of a fine-tuning on another store."""
    starts = starting_points(source)
    config = settings_from(starts[0], None, overrides=overrides)
    store = make_store(root / "new_store", videos, seed=1, shift=2.0)
    return config, prepare(config, [store], videos, starts=starts)


@pytest.mark.parametrize("name", ["mil", "multitask", "bn-wvad"])  # without buffers and with
def test_no_epoch_gives_the_scores_of_the_checkpoint_to_the_bit(tmp_path, name):
    overrides = (*SMALL, "train.epochs=1", "train.steps_per_epoch=1", "data.standardise=feature")
    source = load_checkpoint(trained(tmp_path, name=name, overrides=overrides) / "seed_0")
    config, data = tuning(tmp_path, tmp_path / "run", "train.epochs=0")
    tuned = train_seed(config, data, folder=tmp_path / "tuned" / "seed_0", seed=3)
    assert tuned.epoch == 0 and bool(tuned.validation) == (data.validation is not None)
    part = make_store(tmp_path / "test", OLD[:1], seed=9).read(OLD[0].video_id)
    before, after = (
        Scorer(each).score(part) for each in (source, load_checkpoint(tmp_path / "tuned" / "seed_0"))
    )
    assert (
        np.array_equal(before.segment_score, after.segment_score) and before.video_score == after.video_score
    )


def test_it_starts_from_the_weights_and_keeps_their_statistics(tmp_path, run):
    source = load_checkpoint(run / "seed_0")
    # A rate that rounds away in every step leaves all weights as they were.
    config, data = tuning(
        tmp_path, run / "seed_0", "train.optimizer.lr=1e-30", "train.select=last", "train.epochs=2"
    )
    still = train_seed(config, data, folder=tmp_path / "still", seed=0)
    assert still.epoch == 2
    for name, rows in source.weights.items():
        assert torch.equal(rows, still.weights[name]), name
    for part in ("mean", "deviation"):
        assert torch.equal(
            getattr(source.standardisation, part)["rgb"], getattr(still.standardisation, part)["rgb"]
        )
    config, data = tuning(tmp_path, run / "seed_0", "train.select=last", "train.epochs=1")
    moved = train_seed(config, data, folder=tmp_path / "moved", seed=0)
    assert any(not torch.equal(rows, moved.weights[name]) for name, rows in source.weights.items())


def test_the_checkpoint_is_kept_where_no_epoch_is_better(tmp_path, run):
    config, data = tuning(tmp_path, run / "seed_0", "train.optimizer.lr=30", "train.epochs=2")
    tuned = train_seed(config, data, folder=tmp_path / "tuned", seed=0)
    assert tuned.epoch == 0
    for name, rows in data.starts[0].checkpoint.weights.items():
        assert torch.equal(rows, tuned.weights[name]), name


def test_backgrounds_are_swapped_where_rows_of_length_one_would_be_of_wide_stores_alone(run):
    (start, *_) = starting_points(run)
    wide = replace(
        start.checkpoint, config=resolve(start.checkpoint.config, overrides=["data.normalise=wide"])
    )
    overrides = ["data.exchange=1", "data.normalise=none"]
    config = settings_from(replace(start, checkpoint=wide), None, overrides=overrides)
    assert config.data.exchange == 1 and config.data.normalise == "none"
    spec = replace(wide.bag_spec, feature_dims={"rgb": 200})
    start = replace(start, checkpoint=replace(wide, bag_spec=spec))
    with pytest.raises(ConfigError, match="data.normalise is 'none'.*trained with 'wide'"):
        settings_from(start, None, overrides=overrides)
    with pytest.raises(ConfigError, match="data.normalise is 'l2'"):
        settings_from(replace(start, checkpoint=wide), None, overrides=["data.normalise=l2"])


@pytest.mark.parametrize("stop", [1, 2])
def test_an_interrupted_tuning_resumes_to_the_same_bits(tmp_path, run, stop):
    overrides = ("train.epochs=3", "train.optimizer.lr=0.0003", "train.average=0.9")
    config, data = tuning(tmp_path, run, *overrides)
    whole = train_seed(config, data, folder=tmp_path / "whole", seed=0)
    with pytest.raises(Stop):
        train_seed(config, data, folder=tmp_path / "cut", seed=0, on_epoch=stop_after(stop))
    assert_same(train_seed(config, data, folder=tmp_path / "cut", seed=0), whole)


def test_a_damaged_start_in_the_state_is_one_line(tmp_path, run):
    config, data = tuning(tmp_path, run / "seed_0", "train.optimizer.lr=30", "train.epochs=2")
    with pytest.raises(Stop):
        train_seed(config, data, folder=tmp_path / "cut", seed=0, on_epoch=stop_after(1))
    state = load_file(tmp_path / "cut" / RESUME, "resume")
    assert state["kept"]["epoch"] == 0 and state["kept"]["weights"]
    state["kept"]["weights"] = {name: rows[:1] for name, rows in state["kept"]["weights"].items()}
    save_file(state, tmp_path / "cut" / RESUME, "resume")
    with pytest.raises(CheckpointError, match="kept.weights"):
        train_seed(config, data, folder=tmp_path / "cut", seed=0)


@pytest.mark.slow
def test_a_one_class_head_on_clips_starts_from_its_checkpoint(tmp_path):
    videos = [Video(f"n{number}") for number in range(5)]
    store = make_clip_store(tmp_path / "store", videos)
    config = resolve(preset_of("reclass"), overrides=TINY)
    source = train_seed(config, prepare(config, [store], videos[:3]), folder=tmp_path / "run/seed_0", seed=0)
    starts = starting_points(tmp_path / "run")
    for epochs, same in ((0, True), (1, False)):
        now = settings_from(starts[0], None, overrides=[f"train.epochs={epochs}", "train.select=last"])
        data = prepare(now, [store], videos[3:], starts=starts)
        tuned = train_seed(now, data, folder=tmp_path / f"tuned_{epochs}", seed=0)
        equal = [torch.equal(rows, tuned.weights[name]) for name, rows in source.weights.items()]
        assert all(equal) == same and "usual_frame_score" in tuned.validation


def test_another_source_or_none_is_another_training(tmp_path, run):
    config, data = tuning(tmp_path, run / "seed_0", *LOWER_RATE)
    train_seed(config, data, folder=tmp_path / "tuned", seed=0)
    for starts in ((), tuple(starting_points(run / "seed_1"))):
        with pytest.raises(CheckpointError, match="source was '[0-9a-f]{64}', now"):
            train_seed(config, replace(data, starts=starts), folder=tmp_path / "tuned", seed=0)
    with pytest.raises(Stop):
        train_seed(config, data, folder=tmp_path / "cut", seed=0, on_epoch=stop_after(1))
    with pytest.raises(CheckpointError, match="source was"):
        train_seed(config, replace(data, starts=()), folder=tmp_path / "cut", seed=0)


def test_a_run_starts_seed_by_seed_together_or_apart_and_is_one_run(tmp_path, run):
    without_dropout = ("head.dropout=0.0", "head.input_dropout=0.0")  # it draws otherwise when batched
    config, data = tuning(tmp_path, run, *LOWER_RATE, *without_dropout)
    folders = {seed: tmp_path / "tuned" / f"seed_{seed}" for seed in (0, 1)}
    together = train_seeds(config, data, folders=folders)
    for seed, folder in folders.items():
        source = load_checkpoint(folder).source
        assert source is not None and source.seed == seed
        assert source.path == str(run / f"seed_{seed}" / CHECKPOINT)
        alone = train_seed(config, data, folder=tmp_path / "alone" / f"seed_{seed}", seed=seed)
        assert alone.source.words == source.words and alone.epoch == together[seed].epoch
        for name, rows in alone.weights.items():
            torch.testing.assert_close(rows, together[seed].weights[name])
    assert [start.source.seed for start in starting_points(tmp_path / "tuned")] == [0, 1]
    with pytest.raises(CheckpointError, match="seed 2 has no weights .* has the seeds 0, 1"):
        start_of(data.starts, 2)


def test_test_videos_of_every_earlier_training_are_refused(tmp_path, run):
    source = run / "seed_0"
    for name in ("tuned", "again"):
        config, data = tuning(tmp_path / name, source, "train.epochs=1", "train.optimizer.lr=0.0003")
        source = tmp_path / name / "seed_0"
        train_seed(config, data, folder=source, seed=0)
    checkpoint = load_checkpoint(source)
    assert checkpoint.seen == {video.video_id for video in (*OLD, *NEW)}
    assert [each.lists["train"]["videos"] for each in checkpoint.source.chain()] == [len(NEW), len(OLD)]
    test = make_videos(2, 2, prefix="test/")
    store = make_store(tmp_path / "test", [*OLD, *test])
    with pytest.raises(ListError, match="12 of 12 test videos were used in training"):
        evaluate_run(source, [store], OLD)
    # The features of the first training, under another name.
    first = FeatureStore(run.parent / "store")
    long = next(each for each in map(first.read, first.ids()) if each.num_segments >= 8)
    store.write(replace(long, video_id="test/a0"))
    with pytest.raises(ListError, match=f"copies of training videos .*test/a0 ~ {long.video_id}"):
        evaluate_run(source, [store], test)


def test_what_is_new_is_recorded_beside_the_source(tmp_path, run):
    shutil.copytree(run / "seed_0", tmp_path / "run" / "seed_0")
    config, data = tuning(tmp_path, tmp_path / "run", *LOWER_RATE)
    tuned = train_seed(config, data, folder=tmp_path / "tuned" / "seed_0", seed=0)
    assert tuned.config.train.optimizer.lr == 0.0003 and tuned.lists["train"]["videos"] == len(NEW)
    text = (tmp_path / "tuned" / "seed_0" / CONFIG).read_text()
    assert text.startswith(f"# starts from {tmp_path}/run/seed_0/{CHECKPOINT} (seed 0, epoch")
    assert yaml.safe_load(text) == config.to_dict()
    # A checkpoint that lies elsewhere, or is gone, changes nothing.
    (tmp_path / "run" / "seed_0" / CHECKPOINT).unlink()
    save_checkpoint(load_checkpoint(tmp_path / "tuned" / "seed_0"), tmp_path / "copy.pt")
    assert load_checkpoint(tmp_path / "copy.pt").source.to_dict()["lists"] == tuned.source.lists


@pytest.mark.parametrize(
    "overrides, reason",
    [
        (["head.hidden=[16]"], "head.hidden is .16,., but .*seed_0.* was trained with .8,."),
        (["data.segments.n=9"], "data.segments.n is 9, but .* was trained with 6"),
        (["data.standardise=none", "data.normalise=l2"], "standardise is 'none'.*\n.*normalise is 'l2'"),
    ],
)
def test_settings_that_do_not_go_with_the_weights_are_named(run, overrides, reason):
    (start,) = starting_points(run / "seed_0")
    with pytest.raises(ConfigError, match=reason):
        settings_from(start, None, overrides=overrides)
    with pytest.raises(ConfigError, match="--head is rtfm, but .* is a checkpoint of mil"):
        settings_from(start, "rtfm")
    # How it is trained is free.
    free = ["head.dropout=0.1", "data.exchange=0.5", "data.segments.join=cut", "train.batch=4"]
    assert settings_from(start, "mil", overrides=free).data.exchange == 0.5


@pytest.mark.parametrize("name, classes", [("mil", False), ("multitask", True)])
def test_a_new_class_is_refused_only_where_weights_know_classes(tmp_path, name, classes):
    overrides = (*SMALL, "train.epochs=1", "train.steps_per_epoch=1")
    (start,) = starting_points(trained(tmp_path, name=name, overrides=overrides))
    assert predicts_classes(start.checkpoint.config, start.checkpoint.bag_spec) == classes
    fire = [replace(each, event_class="Fire") if each.is_anomalous else each for each in NEW]
    if not classes:
        _, data = tuning(tmp_path, tmp_path / "run", videos=fire)
        assert data.bag_spec.event_classes == ("Normal", "Fire")
        return
    with pytest.raises(CheckpointError, match="predicts the event classes Normal, Fight; .* also have Fire"):
        tuning(tmp_path, tmp_path / "run", videos=fire)
    _, data = tuning(tmp_path / "same", tmp_path / "run")
    assert data.bag_spec.event_classes == start.checkpoint.bag_spec.event_classes


def test_another_store_is_one_line_that_names_what_differs(tmp_path, run):
    starts = starting_points(run)
    config = settings_from(starts[0], None)
    other = make_store(tmp_path / "other", NEW, clip_length=32)
    with pytest.raises(CheckpointError, match="other was extracted with other settings .* clip_length is 32"):
        prepare(config, [other], NEW, starts=starts)
    with pytest.raises(ConfigError, match="train.epochs is 0"):
        prepare(replace(config, train=replace(config.train, epochs=0)), [other], NEW)


@pytest.mark.slow
def test_the_command_and_the_api_give_the_same_run(tmp_path, run):
    shutil.copytree(run / "seed_0", tmp_path / "run" / "seed_0")
    make_store(tmp_path / "new", [*OLD[:2], *NEW], seed=1)
    write_list(tmp_path / "new.tsv", NEW)
    words = ("--store", tmp_path / "new", "--list", tmp_path / "new.tsv", "--device", "cpu", "--threads", "1")
    lower = [word for each in LOWER_RATE for word in ("--set", each)]
    done = run_cli("train", "--from", tmp_path / "run", *words, *lower, "--out", tmp_path / "tuned")
    assert done.exit_code == 0 and "starts from" in done.output and "note:" not in done.output, done.output
    by_api = api.train(
        from_=tmp_path / "run", stores=[tmp_path / "new"], lists=[tmp_path / "new.tsv"], run=tmp_path / "api",
        overrides=LOWER_RATE, device="cpu",
    )  # fmt: skip
    assert_same(load_checkpoint(tmp_path / "tuned" / "seed_0"), by_api[0])
    again = run_cli(
        "train", "--from", tmp_path / "run", *words, *lower, "--out", tmp_path / "tuned", "--resume"
    )
    assert again.exit_code == 0, again.output
    # Without a video that was held out there, another split is made, of videos that the head knows.
    held = load_checkpoint(tmp_path / "tuned" / "seed_0").lists["train"]["held_out"]["video_ids"]
    write_list(tmp_path / "new.tsv", [each for each in [*NEW, *OLD[:2]] if each.video_id != held[0]])
    mixed = run_cli(
        "train",
        "--from",
        tmp_path / "tuned",
        *words,
        "--out",
        tmp_path / "mixed",
        "--set",
        "train.validation_share=0.5",
    )
    assert mixed.exit_code == 0 and "validation videos were trained on there" in mixed.output, mixed.output
    for more, reason in (
        ((), "give --head NAME, or --from RUN"),
        (("--from", tmp_path / "run", "--preset", "debug"), "--preset is for a new head"),
        (("--from", tmp_path / "nothing"), "nothing holds no run"),
        (("--from", tmp_path / "run", "--set", "head.hidden=[4]"), "its weights would not fit"),
    ):
        wrong = run_cli("train", *more, *words, "--out", tmp_path / "wrong")
        assert wrong.exit_code == 2 and reason in wrong.output and "Traceback" not in wrong.output, (
            wrong.output
        )
        assert not (tmp_path / "wrong").exists()
