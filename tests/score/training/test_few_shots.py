"""Classes from a few examples: the old scores and classes stay to the bit, the new one is found."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from data_lists import ListError, Video, write_list
from extract.store import FeatureStore
from extract.store.texts import ClassTexts
from score.commands.training_lines import example_lines
from score.config.presets import preset_of
from score.config.run_config import ConfigError, resolve
from score.runs.checkpoint import load_checkpoint
from score.runs.checkpoint_error import CheckpointError
from score.scoring.scorer import Scorer
from score.training.example_ranking import example_ranking
from score.training.few_shots import class_rows, draw_shots, grown, shot_settings
from score.training.loop import train_seed
from score.training.starting_point import starting_points
from score.training.training_data import prepare
from support.tiny_stores import make_features, make_spec
from support.tiny_trainings import SMALL, SMALL_MIL, run_cli

HEADS = {
    "multitask": (
        "head.width=8",
        "head.recurrent=4",
        "head.layers=1",
        "head.attention_heads=2",
        "head.window=4",
        "head.stride=2",
        "data.segments.n=6",
    ),
    "vadclip": ("head.width=8", "head.window=8", "head.attention_window=4"),
    "pel4vad": ("head.attention=4", "head.hidden=4", "head.embedding=16"),
}
PLACE = {"Fight": 0, "Fire": 1, "Fall": 2}  # of the feature in which a class differs
ALL = [
    Video(f"{name[:3]}/{number}", name)
    for name, count in (("Normal", 8), ("Fight", 6), ("Fire", 7), ("Fall", 6))
    for number in range(count)
]


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    return written(tmp_path_factory.mktemp("few") / "store")


def written(root, **changes):
    """Six segments a video; two of an anomalous one are far off in the feature of its class."""
    opened = FeatureStore.create(root, make_spec(**changes))
    random = np.random.default_rng(0)
    for video in ALL:
        rows = random.normal(size=(6, opened.spec.num_crops, opened.spec.feature_dim))
        if video.is_anomalous:
            rows[2:4, :, PLACE[video.event_class]] += 6.0
        opened.write(make_features(video.video_id, rows))
    return opened


def of(*classes):
    return [video for video in ALL if video.event_class in classes]


def trained(root, store, name, *overrides, classes=("Normal", "Fight"), texts=None):
    """The run that a class is added to."""
    config = resolve(preset_of(name), overrides=[*SMALL, *overrides])
    data = prepare(config, [store], of(*classes), texts=texts)
    train_seed(config, data, folder=root / "run" / "seed_0", seed=0)
    return root / "run"


def added(root, store, run, *overrides, classes=("Normal", "Fight", "Fire"), shots=5, texts=None):
    """The checkpoint with the classes that it does not have."""
    (start,) = starting_points(run)
    config = shot_settings(start, None, overrides=overrides)
    drawn = draw_shots(start, of(*classes), shots, seed=3)
    start = grown(start, drawn.drawn, texts)
    data = prepare(config, [store], drawn.videos, starts=[start], shots=drawn, texts=texts)
    return train_seed(config, data, folder=root / "added" / "seed_0", seed=0)


def scored(checkpoint, store, videos):
    scorer = Scorer(checkpoint)
    return [scorer.score(store.read(video.video_id)) for video in videos]


@pytest.mark.slow
@pytest.mark.parametrize("name", HEADS)
def test_scores_and_old_classes_stay_to_the_bit_and_the_new_class_is_found(tmp_path, store, name):
    run = trained(tmp_path, store, name, *HEADS[name], "data.standardise=feature")
    before = load_checkpoint(run / "seed_0")
    after = added(tmp_path, store, run, *(("train.epochs=1",) if name == "multitask" else ()))
    assert after.bag_spec.event_classes == ("Normal", "Fight", "Fire") and after.bag_spec.added == 1
    names = class_rows(after.config, after.bag_spec, 1)
    for weight, rows in before.weights.items():
        assert torch.equal(rows, after.weights[weight][:2] if weight in names else after.weights[weight])
    assert names and all(not torch.equal(after.weights[each][2], after.weights[each][1]) for each in names)
    after = load_checkpoint(tmp_path / "added" / "seed_0")
    of_fire = {}
    for video, old, new in zip(ALL, scored(before, store, ALL), scored(after, store, ALL), strict=True):
        assert np.array_equal(old.segment_score, new.segment_score) and old.video_score == new.video_score
        assert old.class_probability is not None and new.class_probability is not None
        odds = [each.class_probability[:, 1] / each.class_probability[:, 0].clip(1e-9) for each in (old, new)]
        if name == "multitask":  # a softmax over all classes keeps the ratios of the old ones
            np.testing.assert_allclose(odds[0], odds[1], rtol=2e-3, atol=1e-6)
        of_fire[video.video_id] = new.class_probability[2:4, 2].mean()
    drawn = set(after.lists["train"]["shots"]["video_ids"])
    unseen = [of_fire[video.video_id] for video in of("Fire") if video.video_id not in drawn]
    others = [of_fire[video.video_id] for video in of("Normal", "Fight")]
    if name == "multitask":  # so small, its frozen body does not see feature 1
        return
    assert len(unseen) == 2 and np.mean(np.array(unseen)[:, None] > np.array(others)) > 0.8


def test_the_checkpoint_names_the_examples_and_no_other_of_the_class(tmp_path, store):
    run = trained(tmp_path, store, "pel4vad", *HEADS["pel4vad"], "train.validation_share=0.25")
    quick = ("train.epochs=1", "train.steps_per_epoch=1")
    after = added(tmp_path, store, run, *quick, classes=("Normal", "Fire", "Fall"))
    shots = after.lists["train"]["shots"]
    assert shots["seed"] == 3 and sorted(shots["event_classes"]) == ["Fall"] * 5 + ["Fire"] * 5
    seen = {each for each in after.lists["train"]["video_ids"] if not each.startswith("Nor")}
    assert seen == set(shots["video_ids"])
    assert after.bag_spec.event_classes == ("Normal", "Fight", "Fall", "Fire") and after.bag_spec.added == 2
    # What validation videos said of the scores still holds, because the scores are the same.
    before = load_checkpoint(run / "seed_0")
    assert before.validation and after.validation == before.validation
    assert after.validation_record is not None and before.validation_record is not None
    assert after.validation_record.video_ids == before.validation_record.video_ids
    # A class more, on top.
    again = starting_points(tmp_path / "added")[0]
    start = grown(again, ["Flood"])
    assert start.growth is not None and start.checkpoint.bag_spec.added == 3 and start.growth.known == 4


def test_draws_follow_from_the_seed(tmp_path, store):
    (start,) = starting_points(trained(tmp_path, store, "pel4vad", *HEADS["pel4vad"]))
    draws = [draw_shots(start, of("Normal", "Fire"), 3, seed=seed) for seed in (0, 0, 1, 2)]
    reverse = draw_shots(start, of("Normal", "Fire")[::-1], 3, seed=0)
    assert draws[0].drawn == draws[1].drawn == reverse.drawn
    assert len({each.drawn["Fire"] for each in draws}) > 1


@pytest.mark.parametrize("known", [True, False])
def test_texts_give_the_new_class_its_vector(tmp_path, store, known):
    names = ("Normal", "Fight", "Fire")
    vectors = np.random.default_rng(1).normal(size=(3, 8)).astype(np.float32)
    wide = ClassTexts(names, vectors)
    narrow = ClassTexts(names[:2], vectors[:2])
    run = trained(tmp_path, store, "vadclip", *HEADS["vadclip"], texts=wide if known else narrow)
    (start,) = starting_points(run)
    if not known:
        with pytest.raises(CheckpointError, match="compares features with texts, and .*Fire"):
            grown(start, ["Fire"])
        with pytest.raises(CheckpointError, match="other vectors of the old classes"):
            grown(start, ["Fire"], ClassTexts(names, vectors + 1))
    start = grown(start, ["Fire"], None if known else wide)
    assert start.growth is not None and start.growth.names == ("texts.offset",)
    assert start.checkpoint.bag_spec.texts == wide


def test_settings_that_would_train_more_are_refused(tmp_path, store):
    (start,) = starting_points(trained(tmp_path, store, "pel4vad", *HEADS["pel4vad"]))
    with pytest.raises(ConfigError) as raised:
        shot_settings(start, None, overrides=["train.optimizer.weight_decay=0.1", "train.epochs=0"])
    first, second = raised.value.problems
    assert "weight_decay is 0.1" in first and "epochs is 0" in second


def test_what_cannot_be_added_is_said_in_one_line(tmp_path, store):
    (start,) = starting_points(trained(tmp_path, store, "pel4vad", *HEADS["pel4vad"]))
    with pytest.raises(CheckpointError, match="already predicts Normal, Fight.*have only Fight"):
        draw_shots(start, of("Normal", "Fight"), 5, seed=0)
    with pytest.raises(ListError, match="Fire has 7 videos, --shots asks for 8"):
        draw_shots(start, of("Normal", "Fire"), 8, seed=0)
    with pytest.raises(CheckpointError, match="also have Fall"):
        draw_shots(start, of("Normal", "Fire"), 5, seed=0, validation=of("Fall"))
    (plain,) = starting_points(trained(tmp_path / "mil", store, "mil", *SMALL_MIL))
    with pytest.raises(CheckpointError, match="mil, which names no event classes.*leave --shots out"):
        grown(plain, ["Fire"])
    other = FeatureStore.create(tmp_path / "other", replace(make_spec(), segment_stride=8))
    for video in of("Normal", "Fire"):
        other.write(make_features(video.video_id, store.read(video.video_id).features))
    drawn = draw_shots(start, of("Normal", "Fire"), 5, seed=0)
    with pytest.raises(CheckpointError, match="extracted with other settings"):
        grew = grown(start, drawn.drawn)
        prepare(shot_settings(start, None), [other], drawn.videos, starts=[grew], shots=drawn)


def test_command(tmp_path, store):
    run = trained(tmp_path, store, "pel4vad", *HEADS["pel4vad"])
    write_list(tmp_path / "new.tsv", of("Normal", "Fire"))
    begin = ["train", "--store", store.root, "--list", tmp_path / "new.tsv"]
    quick = ["--set", "train.epochs=2", "--set", "train.steps_per_epoch=2", "--threads", 1]
    call = [*begin, "--from", run, "--shots", 5, "--out", tmp_path / "more", *quick]
    result = run_cli(*call)
    assert result.exit_code == 0, result.output
    assert "adds the class Fire from 5 examples, drawn by seed 0" in result.output
    assert "note: the lists have no video of Fight" in result.output
    assert "Fire" in result.output.partition("AUC")[0].splitlines()[-1]
    again = run_cli(*call, "--resume")
    assert again.exit_code == 0, again.output
    alone = run_cli(*begin, "--head", "pel4vad", "--shots", 5, "--out", tmp_path / "none")
    assert alone.exit_code == 2 and "give --from RUN" in alone.output
    twice = run_cli(*begin, "--from", tmp_path / "more", "--shots", 5, "--out", tmp_path / "none")
    assert twice.exit_code != 0 and "already predicts Normal, Fight, Fire" in twice.output
    scores = run_cli(
        "evaluate", "--run", tmp_path / "more", "--store", store.root, "--list", tmp_path / "new.tsv"
    )
    assert "were trained on" in scores.output or "training" in scores.output


def test_examples_are_ranked_by_the_probability_of_their_class(tmp_path):
    store = written(tmp_path / "store", num_crops=2, crops="two")
    run = trained(tmp_path, store, "pel4vad", *HEADS["pel4vad"])
    after = added(tmp_path, store, run, "train.epochs=1")
    (start,) = starting_points(run)
    drawn = draw_shots(start, of("Normal", "Fight", "Fire"), 5, seed=3)
    config = shot_settings(start, None)
    cache = prepare(config, [store], drawn.videos, starts=[grown(start, drawn.drawn)], shots=drawn).train
    found = example_ranking(after, cache, drawn.drawn)
    first, second = [], []
    for video, scores in zip(drawn.videos, scored(after, store, drawn.videos), strict=True):
        least_normal = np.argsort(scores.class_probability[:, 0], kind="stable")[
            :2
        ]  # a quarter of 6, rounded up
        value = scores.class_probability[least_normal, 2].mean()
        (first if video.event_class == "Fire" else second).append(value)
    expected = np.mean(np.array(first)[:, None] > np.array(second))
    assert len(first) == 5 and found == {"Fire": pytest.approx(expected)} and 0 < expected < 1
    # What is drawn more often counts once.
    repeated = cache.repeating(drawn.drawn["Fire"], 0.8)
    assert len(repeated.video_ids) > len(cache.video_ids)
    assert example_ranking(after, repeated, drawn.drawn) == found


def test_a_class_that_is_not_distinguished_on_its_own_examples_gets_a_note():
    good, poor = example_lines({"Fire": 0.983, "Fall": 0.456}, 3)
    assert good == "seed 3: Fire ranks its examples above the other training videos, AUC 0.98"
    assert poor.startswith("note: seed 3 does not distinguish Fall from the other training videos (AUC 0.46")
