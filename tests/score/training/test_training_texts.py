"""Texts of classes in training: which fit, what a checkpoint keeps of them, and when others are refused."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from data_lists import write_list
from extract.store.texts import ClassTexts, read_class_texts, write_class_texts
from score.api import train
from score.config.presets import preset_of
from score.config.run_config import ConfigError, resolve
from score.runs.checkpoint import load_checkpoint, load_run
from score.runs.checkpoint_error import CheckpointError
from score.runs.checkpoint_texts import texts_to_fields
from score.training.loop import train_seed
from score.training.training_data import prepare
from support.tiny_stores import make_store, make_videos
from support.tiny_trainings import run_cli

SMALL = {
    "vadclip": ("head.width=8", "head.window=8", "head.attention_window=4"),
    "pel4vad": ("head.attention=4", "head.hidden=4"),
}
DEBUG = ("train.epochs=1", "train.steps_per_epoch=1", "train.batch=4")
WIDTH = 8


def texts_of(*classes: str, width: int = WIDTH, **values) -> ClassTexts:
    rows = np.random.default_rng(3).normal(size=(len(classes), width)).astype(np.float32)
    return ClassTexts(classes, rows, **values)


TEXTS = texts_of("Fight", "Normal", "Fire")  # another order than the lists, and a class more


def config_of(name: str, *overrides):
    return resolve(preset_of(name), overrides=(*SMALL.get(name, ()), *DEBUG, *overrides))


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    root, videos = tmp_path_factory.mktemp("texts"), make_videos(4, 4)
    write_list(root / "train.tsv", videos)
    return root, make_store(root / "store", videos, weights="sha256:made"), videos


@pytest.mark.parametrize("name", SMALL)
def test_a_checkpoint_keeps_the_texts_and_their_digest(made, tmp_path, name):
    _, store, videos = made
    data = prepare(config_of(name), [store], videos, texts=TEXTS)
    trained = train_seed(config_of(name), data, folder=tmp_path / "seed_0", seed=0)
    found = load_checkpoint(tmp_path / "seed_0")
    assert found.bag_spec.texts == TEXTS and found.bag_spec.texts.digest == TEXTS.digest
    head = found.build_head()
    expected = TEXTS.features[[1, 0]]  # Normal first
    np.testing.assert_array_equal(head.texts.matrix.numpy(), expected)
    for key, value in trained.build_head().state_dict().items():
        assert torch.equal(head.state_dict()[key], value)


def test_texts_are_those_of_the_file_and_a_change_is_found(made, tmp_path):
    _, store, videos = made
    write_class_texts(tmp_path / "texts.h5", TEXTS)
    assert read_class_texts(tmp_path / "texts.h5") == TEXTS
    changed = replace(TEXTS, features=TEXTS.features + 1)
    assert changed != TEXTS and hash(changed) != hash(TEXTS)
    config = config_of("pel4vad")
    data = prepare(config, [store], videos, texts=TEXTS)
    train_seed(config, data, folder=tmp_path / "seed_0", seed=0)
    other = prepare(config, [store], videos, texts=changed)
    with pytest.raises(CheckpointError, match="texts was 'sha256:.*now 'sha256:"):
        train_seed(config, other, folder=tmp_path / "seed_0", seed=0)
    with pytest.raises(CheckpointError, match="texts was 'sha256:.*now None"):
        train_seed(config, prepare(config, [store], videos), folder=tmp_path / "seed_0", seed=0)


@pytest.mark.parametrize(
    "name, texts, message",
    [
        ("mil", TEXTS, "the head mil takes no texts; these do: vadclip, pel4vad"),
        ("vadclip", texts_of("Normal", "Fire"), "no text for Fight; there are texts for Normal, Fire"),
        (
            "vadclip",
            texts_of("Normal", "Fight", width=6, image_weights="sha256:clip"),
            "texts belong to the weights sha256:clip, features were made with",
        ),
    ],
    ids=["no head for it", "a class is lacking", "other weights"],
)
def test_texts_that_do_not_fit_are_refused(made, name, texts, message):
    _, store, videos = made
    with pytest.raises(ConfigError, match=message):
        prepare(config_of(name), [store], videos, texts=texts)


def test_a_run_continues_with_its_own_texts(made, tmp_path):
    root, store, _ = made
    write_class_texts(tmp_path / "texts.h5", TEXTS)
    write_class_texts(tmp_path / "other.h5", replace(TEXTS, preset="other"))
    begin = ["train", "--store", store.root, "--list", root / "train.tsv"]
    new = [*begin, "--head", "vadclip", *(f"--set={each}" for each in (*SMALL["vadclip"], *DEBUG))]
    first = run_cli(*new, "--texts", tmp_path / "texts.h5", "--out", tmp_path / "run")
    assert first.exit_code == 0, first.output
    assert f"3 classes with 8 numbers each, {TEXTS.digest}; features of 6 numbers" in first.output
    tuned = run_cli(*begin, "--from", tmp_path / "run", "--out", tmp_path / "tuned")
    assert tuned.exit_code == 0, tuned.output
    assert load_run(tmp_path / "tuned")[0].bag_spec.texts == TEXTS
    refused = [*begin, "--from", tmp_path / "run", "--out", tmp_path / "third"]
    result = run_cli(*refused, "--texts", tmp_path / "other.h5")
    assert result.exit_code == 2 and f"was trained with the texts {TEXTS.digest}" in result.output
    resumed = run_cli(*new, "--texts", tmp_path / "other.h5", "--out", tmp_path / "run", "--resume")
    assert resumed.exit_code == 2 and "trained with other settings: texts was" in resumed.output


def test_a_matrix_of_somebody_else_has_its_names_in_a_text_file(made, tmp_path):
    root, store, _ = made
    np.save(tmp_path / "matrix.npy", TEXTS.features)
    (tmp_path / "names.txt").write_text("Fight\nNormal\nFire\n")
    call = ["train", "--head", "pel4vad", "--store", store.root, "--list", root / "train.tsv"]
    call += [*(f"--set={each}" for each in (*SMALL["pel4vad"], *DEBUG)), "--texts", tmp_path / "matrix.npy"]
    result = run_cli(*call, "--text-names", tmp_path / "names.txt", "--out", tmp_path / "run")
    assert result.exit_code == 0, result.output
    assert load_run(tmp_path / "run")[0].bag_spec.texts.classes == TEXTS.classes
    result = run_cli(*call, "--out", tmp_path / "second")
    assert result.exit_code == 2 and "matrix.txt" in result.output


def test_without_texts_a_head_learns_vectors_and_says_so(made, tmp_path):
    root, store, _ = made
    call = ["train", "--head", "vadclip", "--store", store.root, "--list", root / "train.tsv"]
    call += [f"--set={each}" for each in (*SMALL["vadclip"], *DEBUG)]
    result = run_cli(*call, "--out", tmp_path / "run")
    assert result.exit_code == 0, result.output
    assert "vadclip was given no texts (--texts), so it learns a vector for each event class" in result.output
    assert load_run(tmp_path / "run")[0].weights["texts.offset"].shape == (2, 8)


def test_a_checkpoint_with_other_vectors_than_its_digest_says_is_refused(made, tmp_path, monkeypatch):
    _, store, videos = made
    config = config_of("pel4vad")
    data = prepare(config, [store], videos, texts=TEXTS)
    wrong = {**texts_to_fields(TEXTS), "digest": "sha256:" + "0" * 64}
    monkeypatch.setattr("score.runs.checkpoint.texts_to_fields", lambda _texts: wrong)
    train_seed(config, data, folder=tmp_path / "seed_0", seed=0)
    with pytest.raises(CheckpointError, match="its texts have the digest sha256:.*expected sha256:0000"):
        load_checkpoint(tmp_path / "seed_0")


@pytest.mark.slow
def test_a_benchmark_gives_texts_to_the_heads_that_take_them(made, tmp_path):
    root, store, _ = made
    write_class_texts(tmp_path / "texts.h5", TEXTS)
    call = ["benchmark", "--head", "mil", "--head", "pel4vad", "--store", f"made={store.root}", "--seeds", 1]
    call += ["--list", root / "train.tsv", "--folds", 2, "--group-by", "video", "--jobs", 1]
    call += ["--resamples", 0, "--set", "train.epochs=1", "--out", tmp_path / "out"]
    done = run_cli(*call, "--texts", tmp_path / "texts.h5")
    assert done.exit_code == 0, done.output
    found = {
        name: load_checkpoint(tmp_path / "out" / name / "made" / "fold_0" / "seed_0").bag_spec.texts
        for name in ("mil", "pel4vad")
    }
    assert found == {"mil": None, "pel4vad": TEXTS}
    again = run_cli(*call)
    assert again.exit_code == 2 and "texts was 'sha256:" in again.output


def test_a_benchmark_refuses_texts_that_lack_a_class_before_any_training(made, tmp_path):
    root, store, _ = made
    write_class_texts(tmp_path / "texts.h5", texts_of("Normal", "Fire"))
    call = ["benchmark", "--head", "mil", "--head", "pel4vad", "--store", store.root, "--folds", 2]
    call += ["--list", root / "train.tsv", "--group-by", "video", "--out", tmp_path / "out"]
    result = run_cli(*call, "--texts", tmp_path / "texts.h5")
    assert result.exit_code == 2 and "--texts: no text for Fight" in result.output, result.output
    assert not list((tmp_path / "out").rglob("seed_*"))


def test_texts_are_an_argument_of_the_interface_for_python(made, tmp_path):
    root, store, _ = made
    write_class_texts(tmp_path / "texts.h5", TEXTS)
    (trained,) = train(
        "vadclip",
        stores=[store.root],
        lists=[root / "train.tsv"],
        run=tmp_path / "run",
        overrides=[*SMALL["vadclip"], *DEBUG],
        texts=tmp_path / "texts.h5",
        device="cpu",
    )
    assert trained.bag_spec.texts == TEXTS
