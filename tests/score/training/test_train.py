"""Training: repeatable, resumable after any epoch, weakly labelled, and honest about what selects."""

import os
import shutil

import numpy as np
import pytest
import torch

from data_lists import ListError, Video, write_list
from extract.store import FeatureStore
from score.config.optimizer_config import OptimizerConfig
from score.config.presets import preset_of
from score.config.run_config import resolve
from score.heads import FEATURE_HEADS, HEADS
from score.runs.checkpoint import load_checkpoint
from score.runs.checkpoint_error import CheckpointError
from score.runs.run_lock import locked
from score.runs.torch_file import load_file, save_file
from score.scoring.scorer import load_scorer
from score.training.loop import TrainingDiverged, train_seed
from score.training.optimizers import lr_factor
from score.training.state import Training
from score.training.training_data import prepare
from score.training.validation import score_cache, validate
from support.tiny_stores import make_features, make_spec, make_store, make_videos
from support.tiny_trainings import (
    SMALL,
    SMALL_MIL,
    Stop,
    assert_same,
    make_data,
    resumed_lines,
    run_cli,
    stop_after,
)


def test_backgrounds_are_swapped_from_a_fifth_of_the_epochs_and_fully_from_the_middle(
    tmp_path,
):
    config, data = make_data(tmp_path, overrides=(*SMALL_MIL, "train.epochs=20", "data.exchange=0.6"))
    training, shares = Training(config, data, seed=0, device=torch.device("cpu")), []
    for epoch in range(1, 21):
        training.epoch = epoch
        shares.append(training.background_swap)
    assert shares[:4] == [0] * 4 and shares[9:] == [0.6] * 11
    np.testing.assert_allclose(np.diff(shares[3:10]), 0.1)  # 0.6 in the six epochs from 0.2 to 0.5 of twenty


def test_swapped_backgrounds_change_what_is_learned(tmp_path):
    own, other = (
        train_seed(
            *make_data(tmp_path / name, overrides=(*SMALL_MIL, f"data.exchange={share}")),
            folder=tmp_path / name / "run",
            seed=0,
        )
        for name, share in (("own", 0), ("other", 1))
    )
    assert any(not torch.equal(rows, other.weights[name]) for name, rows in own.weights.items())


@pytest.mark.parametrize("name", FEATURE_HEADS)
def test_a_seed_gives_the_same_bits_again_and_another_seed_does_not(tmp_path, name):
    config, data = make_data(tmp_path, overrides=SMALL, name=name)
    first = train_seed(config, data, folder=tmp_path / "one", seed=3)
    torch.rand(5)  # whatever else the program draws must not matter
    assert_same(first, train_seed(config, data, folder=tmp_path / "two", seed=3))
    other = train_seed(config, data, folder=tmp_path / "three", seed=4)
    assert any(not torch.equal(rows, other.weights[key]) for key, rows in first.weights.items())


def test_training_leaves_the_callers_random_state_alone(tmp_path):
    config, data = make_data(tmp_path)
    torch.manual_seed(0)
    expected = torch.rand(4)
    torch.manual_seed(0)
    train_seed(config, data, folder=tmp_path / "run", seed=3)
    assert torch.equal(torch.rand(4), expected)


@pytest.mark.parametrize("optimizer", ["adagrad", "adam", "adamw", "rmsprop", "sgd"])
def test_resuming_after_any_epoch_gives_the_same_bits(tmp_path, optimizer):
    overrides = (
        *SMALL_MIL,
        "train.epochs=4",
        f"train.optimizer.name={optimizer}",
        "train.optimizer.schedule=onecycle",
        "train.optimizer.warmup=0.3",
        "train.average=0.9",
        "train.optimizer.momentum=0.5",
    )
    config, data = make_data(tmp_path, overrides=overrides)
    whole = train_seed(config, data, folder=tmp_path / "whole", seed=1)
    for epoch in (1, 2, 3, 4):
        folder = tmp_path / f"after_{epoch}"
        with pytest.raises(Stop):
            train_seed(config, data, folder=folder, seed=1, on_epoch=stop_after(epoch))
        assert not (folder / "checkpoint.pt").exists()
        with open(folder / "metrics.jsonl", "a") as file:
            file.write('{"epoch": 99')  # an epoch that was cut off while it wrote
        assert_same(whole, train_seed(config, data, folder=folder, seed=1))
        assert resumed_lines(folder) == resumed_lines(tmp_path / "whole")
        assert not (folder / "resume.pt").exists()


@pytest.mark.slow
@pytest.mark.parametrize("name", FEATURE_HEADS)
def test_every_head_resumes_to_the_same_bits(tmp_path, name):
    config, data = make_data(tmp_path, overrides=SMALL, name=name)
    whole = train_seed(config, data, folder=tmp_path / "whole", seed=1)
    with pytest.raises(Stop):
        train_seed(config, data, folder=tmp_path / "half", seed=1, on_epoch=stop_after(2))
    assert_same(whole, train_seed(config, data, folder=tmp_path / "half", seed=1))


def test_random_windows_and_crops_resume_to_the_same_bits(tmp_path):
    overrides = (*SMALL_MIL, "data.segments.mode=crop", "data.segments.n=3", "data.crops=random")
    config = resolve(preset_of("mil"), overrides=overrides)
    store = make_store(tmp_path / "store", make_videos(6, 6), num_crops=2, crops="two")
    data = prepare(config, [store], make_videos(6, 6))
    whole = train_seed(config, data, folder=tmp_path / "whole", seed=0)
    with pytest.raises(Stop):
        train_seed(config, data, folder=tmp_path / "half", seed=0, on_epoch=stop_after(1))
    assert_same(whole, train_seed(config, data, folder=tmp_path / "half", seed=0))


def test_resuming_a_finished_seed_changes_no_file(tmp_path):
    config, data = make_data(tmp_path)
    first = train_seed(config, data, folder=tmp_path / "run", seed=0)
    before = {
        path.name: (path.stat().st_mtime_ns, path.read_bytes()) for path in (tmp_path / "run").iterdir()
    }
    epochs = []
    assert_same(first, train_seed(config, data, folder=tmp_path / "run", seed=0, on_epoch=epochs.append))
    assert not epochs
    assert before == {
        path.name: (path.stat().st_mtime_ns, path.read_bytes()) for path in (tmp_path / "run").iterdir()
    }


@pytest.mark.parametrize("finished", [True, False])
def test_resuming_with_other_settings_or_videos_is_refused(tmp_path, finished):
    config, data = make_data(tmp_path)
    if finished:
        train_seed(config, data, folder=tmp_path / "run", seed=0)
    else:
        with pytest.raises(Stop):
            train_seed(config, data, folder=tmp_path / "run", seed=0, on_epoch=stop_after(1))
    other = resolve(config, overrides=["train.optimizer.lr=0.5"])
    with pytest.raises(CheckpointError, match=f"train.optimizer.lr was {config.train.optimizer.lr}, now 0.5"):
        train_seed(other, data, folder=tmp_path / "run", seed=0)
    fewer = prepare(config, [FeatureStore(tmp_path / "store")], make_videos(8, 7))
    with pytest.raises(CheckpointError, match="lists.train was"):
        train_seed(config, fewer, folder=tmp_path / "run", seed=0)


def test_a_damaged_state_is_one_clear_error(tmp_path):
    config, data = make_data(tmp_path)
    with pytest.raises(Stop):
        train_seed(config, data, folder=tmp_path / "run", seed=0, on_epoch=stop_after(1))
    state = tmp_path / "run" / "resume.pt"
    state.write_bytes(state.read_bytes()[:-300])
    with pytest.raises(CheckpointError, match="resume.pt: is damaged"):
        train_seed(config, data, folder=tmp_path / "run", seed=0)


def test_the_log_has_one_line_per_epoch_whatever_an_interruption_left_in_it(tmp_path):
    config, data = make_data(tmp_path)
    with pytest.raises(Stop):
        train_seed(config, data, folder=tmp_path / "run", seed=0, on_epoch=stop_after(2))
    log = tmp_path / "run" / "metrics.jsonl"
    first, second = log.read_bytes().splitlines(keepends=True)
    third = second.replace(b'"epoch": 2', b'"epoch": 3')
    log.write_bytes(first + b"\xff\n" + first + second + b"[]\n" + third + third[:20])
    train_seed(config, data, folder=tmp_path / "run", seed=0)
    assert [line["epoch"] for line in resumed_lines(tmp_path / "run")] == [1, 2, 3]


@pytest.mark.parametrize(
    "change, message",
    [
        ({"epoch": 4}, "epoch is 4, expected 1 to 3"),
        ({"kept": {"epoch": 2, "weights": {}, "validation": {}}}, "kept.epoch is 2"),
        ({"kept": None}, "cannot resume"),
        ({"average": {}}, "average does not go"),
        ({"optimizers": {}}, "'head' is missing"),
        ({"optimizers": {"head": {"state": {7: {}}, "param_groups": []}}}, "0 groups of parameters"),
    ],
)
def test_a_state_of_another_training_is_one_clear_line(tmp_path, change, message):
    config, data = make_data(tmp_path)
    with pytest.raises(Stop):
        train_seed(config, data, folder=tmp_path / "run", seed=0, on_epoch=stop_after(1))
    path = tmp_path / "run" / "resume.pt"
    save_file({**load_file(path, "resume"), **change}, path, "resume")
    with pytest.raises(CheckpointError, match=message) as error:
        train_seed(config, data, folder=tmp_path / "run", seed=0)
    assert "\n" not in str(error.value)


def test_a_second_training_in_one_folder_and_other_settings_for_another_seed_are_refused(tmp_path):
    videos = make_videos(4, 4)
    make_store(tmp_path / "store", videos)
    write_list(tmp_path / "list.tsv", videos)
    words = ["train", "--head", "mil", "--store", tmp_path / "store", "--list", tmp_path / "list.tsv"]
    words += ["--preset", "debug", "--set", "train.epochs=1", "--out", tmp_path / "run"]
    with locked(tmp_path / "run", work="training"):
        refused = run_cli(*words, "--resume")
        assert refused.exit_code == 2 and f"(process {os.getpid()} on" in refused.output
        (tmp_path / "run" / "kept").touch()
    assert run_cli(*words).exit_code == 0
    other = run_cli(*words, "--resume", "--seed", 1, "--set", "train.epochs=2")
    assert other.exit_code == 2 and "train.epochs was 1, now 2" in other.output
    assert sorted(path.name for path in (tmp_path / "run").iterdir()) == ["kept", "seed_0"]


@pytest.mark.slow
def test_it_learns_and_finds_the_shifted_segments(tmp_path):
    train, test = make_videos(30, 30), make_videos(5, 5, prefix="test/")
    store = make_store(tmp_path / "store", [*train, *test], shift=6.0)
    config = resolve(preset_of("mil"), overrides=["data.segments.mode=none"])
    train_seed(config, prepare(config, [store], train), folder=tmp_path / "run", seed=0)
    scorer = load_scorer(tmp_path / "run")
    scored = {video.video_id: scorer.score(store.read(video.video_id)) for video in test}
    assert min(scored[f"test/a{n}"].video_score for n in range(5)) > max(
        scored[f"test/n{n}"].video_score for n in range(5)
    )
    assert all(scored[f"test/a{n}"].segment_score.argmax() in (2, 3) for n in range(5))


def test_videos_are_scored_as_they_were_validated(tmp_path):
    videos, held = make_videos(8, 8), make_videos(3, 3, prefix="val/")
    for number, overrides in enumerate(
        [SMALL_MIL, (*SMALL_MIL, "data.scoring=full"), (*SMALL_MIL, "data.normalise=l2")]
    ):
        config, data = make_data(tmp_path / str(number), overrides=overrides, videos=videos, validation=held)
        train_seed(config, data, folder=tmp_path / str(number) / "run", seed=0)
        scorer = load_scorer(tmp_path / str(number) / "run")
        store = FeatureStore(tmp_path / str(number) / "store")
        single = [scorer.score(store.read(video.video_id)).video_score for video in held]
        np.testing.assert_allclose(single, score_cache(scorer.head, data.validation)[0], atol=1e-6)
        threshold = validate(scorer.head, data.validation)["frame_threshold"]
        assert threshold == scorer.checkpoint.validation["frame_threshold"]
        peak = np.array([scorer.score(store.read(video.video_id)).segment_score.max() for video in held])
        np.testing.assert_allclose(peak, score_cache(scorer.head, data.validation)[1], atol=1e-6)
        anomalous = np.array([video.is_anomalous for video in held])
        f1 = [
            2 * (anomalous & (peak >= each)).sum() / ((peak >= each).sum() + 3) for each in (threshold, *peak)
        ]
        assert f1[0] == max(f1), "no other threshold tells the videos apart better"


def test_the_kept_epoch_is_the_best_on_validation_or_the_last(tmp_path):
    overrides = (*SMALL_MIL, "train.epochs=12", "train.optimizer.lr=0.05")
    config, data = make_data(tmp_path, overrides=overrides)
    best = train_seed(config, data, folder=tmp_path / "best", seed=0)
    validated = [record["validation"] for record in resumed_lines(tmp_path / "best")]
    rank = [(each["video_auc"], -each["loss"]) for each in validated]
    assert best.epoch == 1 + rank.index(max(rank)) and best.validation == validated[best.epoch - 1]
    last = train_seed(
        resolve(config, overrides=["train.select=last"]), data, folder=tmp_path / "last", seed=0
    )
    assert last.epoch == 12


def test_patience_stops_and_a_stopped_seed_stays_stopped(tmp_path):
    overrides = (*SMALL_MIL, "train.epochs=50", "train.patience=3", "train.optimizer.lr=0.05")
    config, data = make_data(tmp_path, overrides=overrides)
    kept = train_seed(config, data, folder=tmp_path / "run", seed=0)
    assert len(resumed_lines(tmp_path / "run")) == kept.epoch + 3 < 50
    with pytest.raises(Stop):
        train_seed(config, data, folder=tmp_path / "half", seed=0, on_epoch=stop_after(kept.epoch + 3))
    assert_same(kept, train_seed(config, data, folder=tmp_path / "half", seed=0))
    assert len(resumed_lines(tmp_path / "half")) == kept.epoch + 3


def test_spans_never_reach_training(tmp_path):
    spanned = [
        Video(video.video_id, video.event_class, anomaly_spans=((0, 16),) if video.is_anomalous else ())
        for video in make_videos(8, 8)
    ]
    config, plain = make_data(tmp_path / "plain")
    _, data = make_data(tmp_path / "spanned", videos=spanned)
    one = train_seed(config, plain, folder=tmp_path / "one", seed=0)
    assert_same(one, train_seed(config, data, folder=tmp_path / "two", seed=0))


def test_what_is_trained_on_does_not_depend_on_the_held_out_features(tmp_path):
    videos = make_videos(8, 8)
    config, data = make_data(tmp_path / "first", overrides=(*SMALL_MIL, "train.select=last"), videos=videos)
    held = set(data.validation.video_ids)
    shutil.copytree(tmp_path / "first" / "store", tmp_path / "second")
    store = FeatureStore(tmp_path / "second")
    for video_id in held:
        store.write(make_features(video_id, np.full((6, 6), 100.0)))
    one = train_seed(config, data, folder=tmp_path / "one", seed=0)
    two = train_seed(config, prepare(config, [store], videos), folder=tmp_path / "two", seed=0)
    assert all(torch.equal(rows, two.weights[name]) for name, rows in one.weights.items())
    assert torch.equal(one.standardisation.mean["rgb"], two.standardisation.mean["rgb"])


def test_where_nothing_can_be_held_out_the_last_epoch_is_kept(tmp_path):
    config, data = make_data(tmp_path, videos=make_videos(6, 6, groups=1))
    assert data.validation is None and "groups cannot be divided" in data.reason
    assert train_seed(config, data, folder=tmp_path / "run", seed=0).epoch == 3


def test_four_videos_train(tmp_path):
    config, data = make_data(tmp_path, videos=make_videos(2, 2))
    assert len(data.train) == 2 and len(data.validation) == 2
    assert train_seed(config, data, folder=tmp_path / "run", seed=0).weights


def test_a_validation_list_of_one_class_selects_by_loss(tmp_path):
    config, data = make_data(tmp_path, videos=make_videos(4, 4), validation=make_videos(3, 0, prefix="val/"))
    kept = train_seed(config, data, folder=tmp_path / "run", seed=0)
    losses = [record["validation"]["loss"] for record in resumed_lines(tmp_path / "run")]
    assert kept.validation["video_auc"] is None and kept.epoch == 1 + losses.index(min(losses))


def test_a_missing_class_a_test_split_and_shared_videos_are_refused(tmp_path):
    with pytest.raises(ListError, match="0 anomalous and 4 normal videos: no anomalous one"):
        make_data(tmp_path / "one", videos=make_videos(4, 0))
    with pytest.raises(ListError, match="1 videos are from a test split .t."):
        make_data(tmp_path / "two", videos=[*make_videos(2, 2), Video("t", split="test")])
    videos = make_videos(3, 3)
    config = resolve(preset_of("mil"))
    with pytest.raises(
        ListError, match="2 videos are in the training list and in the validation list: a0, n0"
    ):
        prepare(config, [make_store(tmp_path / "store", videos)], videos, [videos[0], videos[3]])


def test_a_loss_of_nan_is_reported(tmp_path):
    config, data = make_data(
        tmp_path, overrides=(*SMALL_MIL, "train.optimizer.name=sgd", "train.optimizer.lr=1e30")
    )
    with pytest.raises(TrainingDiverged, match="seed 0 diverged in epoch 1"):
        train_seed(config, data, folder=tmp_path / "run", seed=0)


def test_the_learning_rate_follows_the_named_shape():
    def factors(**settings):
        config = OptimizerConfig(**settings)
        return [lr_factor(config, step=step, steps_per_epoch=5, total_steps=100) for step in range(100)]

    assert set(factors()) == {1.0}
    stepped = factors(schedule="multistep", milestones=(4, 10))
    assert stepped[19] == 1.0 and stepped[20] == 0.1 and stepped[50] == pytest.approx(0.01)
    cosine = factors(schedule="cosine", warmup=0.1)
    assert (
        cosine[:10] == sorted(cosine[:10])
        and cosine[10] == 1.0
        and cosine[55] == pytest.approx(0.5)
        and cosine[99] < 1e-3
    )
    onecycle = factors(schedule="onecycle", warmup=0.2)
    assert onecycle[0] == pytest.approx(1 / 25) and onecycle[20] == 1.0 and onecycle[99] < 2e-3


def test_the_command_trains_five_seeds_refuses_to_overwrite_and_resumes(tmp_path):
    videos = make_videos(6, 6)
    make_store(tmp_path / "store", videos)
    write_list(tmp_path / "train.tsv", videos)
    words = [
        "train",
        "--head",
        "mil",
        "--store",
        tmp_path / "store",
        "--list",
        tmp_path / "train.tsv",
        "--out",
        tmp_path / "run",
        "--set",
        "train.epochs=2",
        "--set",
        "head.hidden=[4]",
        "--device",
        "cpu",
    ]
    done = run_cli(*words, "--seeds", "5")
    assert done.exit_code == 0, done.output
    assert sorted(path.name for path in (tmp_path / "run").iterdir()) == [f"seed_{n}" for n in range(5)]
    for number in range(5):
        folder = tmp_path / "run" / f"seed_{number}"
        assert sorted(path.name for path in folder.iterdir()) == [
            "checkpoint.pt",
            "config.yaml",
            "metrics.jsonl",
        ]
        assert load_checkpoint(folder).seed == number
    assert len(done.output.splitlines()) == 6  # few lines where nobody watches
    again = run_cli(*words)
    assert again.exit_code == 2 and "--resume continues it" in again.output
    assert run_cli(*words, "--seeds", "6", "--resume").exit_code == 0
    assert (tmp_path / "run" / "seed_5" / "checkpoint.pt").is_file()
    repeated = run_cli(
        *words[:-4], "--config", tmp_path / "run" / "seed_0" / "config.yaml", "--out", tmp_path / "copy"
    )
    assert repeated.exit_code == 0, repeated.output
    assert_same(load_checkpoint(tmp_path / "run" / "seed_0"), load_checkpoint(tmp_path / "copy" / "seed_0"))


def test_an_interrupted_seed_resumes_with_the_threads_it_was_started_with(tmp_path):
    config, data = make_data(tmp_path)
    write_list(tmp_path / "train.tsv", make_videos(8, 8))
    before = torch.get_num_threads()
    try:
        torch.set_num_threads(2)
        with pytest.raises(Stop):
            train_seed(config, data, folder=tmp_path / "run" / "seed_0", seed=0, on_epoch=stop_after(1))
        shutil.copytree(tmp_path / "run", tmp_path / "other")
        torch.set_num_threads(1)
        words = [
            "train",
            "--head",
            "mil",
            "--store",
            tmp_path / "store",
            "--list",
            tmp_path / "train.tsv",
            "--device",
            "cpu",
            "--resume",
        ]
        words += [word for text in SMALL_MIL for word in ("--set", text)]
        quiet = run_cli(*words, "--out", tmp_path / "run")
        assert quiet.exit_code == 0 and torch.get_num_threads() == 2 and "threads" not in quiet.output, (
            quiet.output
        )
        warned = run_cli(*words, "--out", tmp_path / "other", "--threads", "1")
        assert warned.exit_code == 0 and torch.get_num_threads() == 1
        assert "begun with 2 threads, resumed with 1" in warned.output
    finally:
        torch.set_num_threads(before)


def test_wrong_input_ends_with_status_2_and_a_line(tmp_path):
    videos = make_videos(2, 2)
    make_store(tmp_path / "store", videos)
    write_list(tmp_path / "train.tsv", [*videos, Video("gone")])
    common = ["--store", tmp_path / "store", "--list", tmp_path / "train.tsv", "--out", tmp_path / "run"]
    for words, message in [
        (["--head", "mill", *common], "error: unknown head 'mill'; did you mean 'mil'?"),
        (["--head", "mil", *common], f"error: {tmp_path / 'store'} lacks 1 of 5 videos: gone"),
        (["--head", "mil", *common, "--val", tmp_path / "no.tsv"], "no.tsv"),
        (
            ["--head", "mil", *common, "--preset", "mil-cvpr81"],
            "error: unknown preset 'mil-cvpr81'; did you mean 'mil-cvpr18'?",
        ),
        (
            ["--head", "mil", *common, "--set", "head.droput=0"],
            "error: unknown setting 'head.droput'; did you mean 'head.dropout'?",
        ),
    ]:
        result = run_cli("train", *words)
        assert result.exit_code == 2 and message in result.output, result.output
        assert "Traceback" not in result.output and not (tmp_path / "run").exists()


def test_heads_prints_one_name_per_line_when_piped():
    assert run_cli("heads").output.split() == list(HEADS)


def test_a_spec_with_two_modalities_trains_and_scores_whatever_the_order_of_stores(tmp_path):
    videos = make_videos(6, 6)
    rgb = make_store(tmp_path / "rgb", videos, seed=0)
    flow = make_store(tmp_path / "flow", videos, seed=0, modality="flow")
    config = resolve(preset_of("mil"), overrides=SMALL_MIL)
    train_seed(config, prepare(config, [rgb, flow], videos), folder=tmp_path / "run", seed=0)
    scorer = load_scorer(tmp_path / "run")
    first = [scores.segment_score for _, scores in scorer.score_store([rgb, flow], ["a0", "n0"])]
    second = [scores.segment_score for _, scores in scorer.score_store([flow, rgb], ["a0", "n0"])]
    assert all(np.array_equal(one, two) for one, two in zip(first, second, strict=True))
    assert [len(scores) for scores in first] == [rgb.header(name).num_segments for name in ("a0", "n0")]
    other = FeatureStore.create(tmp_path / "other", make_spec(modality="flow", clip_length=32))
    with pytest.raises(CheckpointError, match="clip_length is 32, expected 16"):
        scorer.match_stores([rgb, other])
    with pytest.raises(CheckpointError, match="1 stores are given, the checkpoint was trained on 2"):
        scorer.match_stores([rgb])


@pytest.mark.slow
@pytest.mark.parametrize("name", FEATURE_HEADS)
def test_videos_scored_together_get_the_scores_that_they_get_alone(tmp_path, name):
    config, data = make_data(tmp_path, overrides=("train.epochs=1", "train.batch=8"), name=name)
    train_seed(config, data, folder=tmp_path / "run", seed=0)
    scorer, store = load_scorer(tmp_path / "run"), FeatureStore(tmp_path / "store")
    ids = store.ids()
    alone = {video.video_id: scores for video, scores in scorer.score_store([store], ids)}
    assert list(alone) == ids  # on a CPU
    scorer.rows_at_once = 40
    groups = scorer.groups([store], ids)
    length = {video_id: store.header(video_id).num_segments for video_id in ids}
    assert sorted(sum(groups, [])) == ids and 1 < len(groups) < len(ids)
    assert any(len({length[each] for each in group}) > 1 for group in groups), "nothing is padded here"
    assert all(len(group) * max(map(length.__getitem__, group)) <= 40 for group in groups)
    for video, scores in scorer.score_store([store], ids):
        for one, two in zip(alone[video.video_id], scores, strict=True):
            assert (one is None) == (two is None)
            if one is not None:
                np.testing.assert_allclose(one, two, atol=2e-6)


@pytest.mark.cuda
@pytest.mark.parametrize("name", FEATURE_HEADS)
def test_a_gpu_trains_resumes_and_scores_like_the_cpu(tmp_path, name):
    config, data = make_data(tmp_path, overrides=SMALL, name=name)
    state = torch.cuda.get_rng_state()
    with pytest.raises(Stop):
        train_seed(config, data, folder=tmp_path / "run", seed=1, device="cuda", on_epoch=stop_after(2))
    data = prepare(config, [FeatureStore(tmp_path / "store")], make_videos(8, 8)).to(torch.device("cuda"))
    assert data.train.features["rgb"].is_cuda
    kept = train_seed(config, data, folder=tmp_path / "run", seed=1, device="cuda")
    assert torch.equal(torch.cuda.get_rng_state(), state)
    assert not any(rows.is_cuda for rows in kept.weights.values())
    video = FeatureStore(tmp_path / "store").read("a0")
    on_cpu, on_gpu = (load_scorer(tmp_path / "run", device=device).score(video) for device in ("cpu", "cuda"))
    np.testing.assert_allclose(on_cpu.segment_score, on_gpu.segment_score, atol=1e-4)
