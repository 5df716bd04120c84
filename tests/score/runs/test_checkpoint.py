"""Checkpoints: what was saved is loaded, and nothing in a file can run or surprise."""

import contextlib
import os
import pickle
import random
import zipfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from data_lists import digest
from extract.store import FeatureStore
from score.config.presets import preset_of
from score.config.run_config import resolve
from score.runs.checkpoint import load_checkpoint, load_run, save_checkpoint
from score.runs.checkpoint_error import CheckpointError
from score.runs.content_digest import content_digest
from score.runs.run_folders import checkpoint_paths
from score.scoring.scorer import load_scorer
from score.training.loop import train_seed
from score.training.training_data import prepare
from support.tiny_stores import make_features, make_spec, make_store, make_videos

CONFIG = resolve(
    preset_of("mil"), overrides=["train.epochs=2", "train.batch=8", "head.hidden=[4]", "data.segments.n=6"]
)


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    root = tmp_path_factory.mktemp("trained")
    videos = make_videos(6, 6)
    data = prepare(CONFIG, [make_store(root / "store", videos)], videos)
    for seed in (0, 1):
        train_seed(CONFIG, data, folder=root / "run" / f"seed_{seed}", seed=seed)
    return root


@pytest.fixture
def copy(run, tmp_path):
    """The values of a checkpoint, to be changed and written to another file."""
    values = torch.load(run / "run" / "seed_0" / "checkpoint.pt", weights_only=True)

    def write(**changes):
        changed = {name: value for name, value in {**values, **changes}.items() if name != "digest"}
        with contextlib.suppress(ValueError):  # values that no digest takes
            changed["digest"] = content_digest(changed)
        torch.save(changed, tmp_path / "checkpoint.pt")
        return tmp_path / "checkpoint.pt"

    write.values = values
    return write


def test_a_checkpoint_describes_itself(run):
    checkpoint = load_checkpoint(run / "run" / "seed_0")
    assert checkpoint.config == CONFIG and checkpoint.seed == 0 and 1 <= checkpoint.epoch <= 2
    assert checkpoint.specs == (make_spec(),)
    assert (
        checkpoint.lists["train"]["digest"] == digest(make_videos(6, 6))
        and checkpoint.lists["train"]["videos"] == 12
    )
    assert checkpoint.lists["train"]["video_ids"] == sorted(video.video_id for video in make_videos(6, 6))
    assert set(checkpoint.validation) == {"video_auc", "loss", "frame_threshold"}
    assert checkpoint.versions["torch"] == torch.__version__
    assert checkpoint.bag_spec.feature_dims == {"rgb": 6} and checkpoint.bag_spec.event_classes == (
        "Normal",
        "Fight",
    )


def test_saving_what_was_loaded_gives_the_same_scores(run, tmp_path):
    save_checkpoint(load_checkpoint(run / "run" / "seed_0"), tmp_path / "again.pt")
    video = FeatureStore(run / "store").read("a3")
    first, second = (
        load_scorer(run / "run" / "seed_0").score(video),
        load_scorer(tmp_path / "again.pt").score(video),
    )
    assert (
        np.array_equal(first.segment_score, second.segment_score) and first.video_score == second.video_score
    )
    assert sorted(path.name for path in tmp_path.iterdir()) == ["again.pt"]


def test_there_is_one_float32_score_between_0_and_1_per_segment(run):
    scorer = load_scorer(run / "run" / "seed_0")
    for length in (1, 2, 400):
        scores = scorer.score(make_features("v", np.random.default_rng(0).normal(size=(length, 6)) * 100))
        assert scores.segment_score.shape == (length,) and scores.segment_score.dtype == np.float32
        assert (
            0 <= scores.segment_score.min()
            and scores.segment_score.max() <= 1
            and 0 <= scores.video_score <= 1
        )


def test_scoring_leaves_the_features_as_they_are(run):
    video = FeatureStore(run / "store").read("a3")
    before = video.features.copy()
    load_scorer(run / "run" / "seed_0").score(video)
    assert np.array_equal(video.features, before)


def test_features_of_another_width_are_refused_by_name(run):
    with pytest.raises(
        Exception, match=r"v: features of shape \[3, 1, 7\] in the made store, expected \[3, 1, 6\]"
    ):
        load_scorer(run / "run" / "seed_0").score(make_features("v", np.zeros((3, 7))))


def test_a_store_of_another_spec_is_refused_and_the_fields_are_named(run, tmp_path):
    other = FeatureStore.create(tmp_path / "other", make_spec(segment_stride=8, backbone="i3d"))
    with pytest.raises(CheckpointError) as error:
        load_checkpoint(run / "run" / "seed_0").match_stores([other])
    assert "backbone is 'i3d', expected 'made'" in str(error.value)
    assert "segment_stride is 8, expected 16" in str(error.value) and "\n" not in str(error.value)


class Bomb:
    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return open, (str(self.path), "w")


@pytest.mark.parametrize("how", ["plain pickle", "torch.save", "inside a checkpoint"])
def test_a_pickle_bomb_does_not_go_off(copy, tmp_path, how):
    path, mark = tmp_path / "bomb.pt", tmp_path / "went_off"
    if how == "plain pickle":
        path.write_bytes(pickle.dumps(Bomb(mark)))
    elif how == "torch.save":
        torch.save(Bomb(mark), path)
    else:
        path = copy(versions=Bomb(mark))
    with pytest.raises(CheckpointError, match="is damaged or not a checkpoint of vad-score") as error:
        load_checkpoint(path)
    assert not mark.exists() and "\n" not in str(error.value)


@pytest.mark.parametrize("share", [0.0, 0.1, 0.5, 0.9, 0.999])
def test_a_truncated_checkpoint_is_one_clear_line(run, tmp_path, share):
    whole = (run / "run" / "seed_0" / "checkpoint.pt").read_bytes()
    path = tmp_path / "cut.pt"
    path.write_bytes(whole[: int(len(whole) * share)])
    with pytest.raises(CheckpointError, match="cut.pt: (is damaged|cannot be read)") as error:
        load_checkpoint(path)
    assert "\n" not in str(error.value)


def test_files_of_other_programs_are_refused(tmp_path):
    files = {
        "text.pt": lambda path: path.write_text("epoch 3"),
        "archive.pt": lambda path: zipfile.ZipFile(path, "w").writestr("a", "b"),
        "numpy.pt": lambda path: np.savez(open(path, "wb"), a=np.zeros(3)),
    }
    for name, make in files.items():
        make(tmp_path / name)
        with pytest.raises(CheckpointError, match=f"{name}: is damaged or not a checkpoint"):
            load_checkpoint(tmp_path / name)
    for name, values in {"weights.pt": {"layer.weight": torch.zeros(3)}, "list.pt": [1, 2]}.items():
        torch.save(values, tmp_path / name)
        with pytest.raises(
            CheckpointError, match=f"{name} is not a checkpoint of vad-score but a file of another program"
        ):
            load_checkpoint(tmp_path / name)
    with pytest.raises(CheckpointError, match="no such file"):
        load_checkpoint(tmp_path / "gone.pt")


@pytest.mark.parametrize(
    "field, value, message",
    [
        ("format_version", 99, "has format 99, this version reads 1 and 2"),
        ("weights", [("scorer.1.weight", 3)], "weights is wrong"),
        ("weights", {}, "its weights do not belong to its head"),
        ("weights", [1], "cannot be used"),
        ("config", {"head": {"name": "gone"}}, "unknown head 'gone'"),
        ("specs", ["{}"], "the spec is incomplete"),
        (
            "specs",
            [make_spec().to_json().replace('"clip_length": 16', '"clip_length": "16"')],
            "clip_length is .16.",
        ),
        (
            "specs",
            [make_spec().to_json().replace('"clip_length": 16', '"clip_length": 1000000')],
            "at most 4096",
        ),
        ("specs", [make_spec().to_json().replace('"fps": null', '"fps": NaN')], "holds NaN"),
        ("seed", -1, "seed is wrong"),
        ("epoch", "1", "epoch is wrong"),
        ("validation", {"video_auc": float("nan")}, "validation.video_auc is wrong"),
        ("lists", {"train": {"video_ids": ["a"], "event_classes": []}, "x": 3}, "lists.x is wrong"),
        (
            "lists",
            {"train": {"held_out": {"video_ids": ["a"], "event_classes": ["b", "c"]}}},
            "1 videos with 2",
        ),
        ("lists", {"train": {"video_ids": ["a", "../../b"]}}, "a video id leaves its folder"),
        ("versions", {"torch": "x" * 5000}, "versions.torch is wrong"),
        ("bags", {"feature_dims": {"rgb": 7}, "event_classes": ["Normal"], "class_counts": [1]}, "has shape"),
        (
            "standardise",
            {"mean": {"rgb": torch.zeros(2)}, "deviation": {"rgb": torch.ones(2)}},
            "standardisation of rgb",
        ),
    ],
)
def test_values_of_the_wrong_kind_are_one_clear_line(copy, field, value, message):
    with pytest.raises(CheckpointError, match=message) as error:
        load_checkpoint(copy(**{field: value}))
    assert "\n" not in str(error.value)


def test_a_missing_field_is_named(copy, tmp_path):
    values = {name: value for name, value in copy.values.items() if name not in ("specs", "digest")}
    torch.save({**values, "digest": content_digest(values)}, tmp_path / "less.pt")
    with pytest.raises(CheckpointError, match="specs is missing"):
        load_checkpoint(tmp_path / "less.pt")


@pytest.mark.parametrize(
    "hidden, message",
    [
        ([10**12], "less than or equal"),
        ([4] * 10**5, "at most 64"),
        ([2**20] * 2, "missing or too many|has shape"),
    ],
)
def test_a_config_of_a_gigantic_head_costs_no_memory(copy, hidden, message):
    config = {**copy.values["config"], "head": {**copy.values["config"]["head"], "hidden": hidden}}
    with pytest.raises(CheckpointError, match=message):
        load_checkpoint(copy(config=config))


@pytest.mark.parametrize("change, message", [
    (lambda rows: rows.double(), "is torch.float64"),
    (lambda rows: rows * float("nan"), "NaN or infinite"),
    (lambda rows: torch.zeros(1, 1).expand(rows.shape), "is damaged"),
    (lambda _: "text", "expected a tensor"),
])  # fmt: skip
def test_weights_of_another_type_or_without_numbers_are_refused(copy, change, message):
    name = "scorer.1.weight"
    weights = {**copy.values["weights"], name: change(copy.values["weights"][name])}
    with pytest.raises(CheckpointError, match=message):
        load_checkpoint(copy(weights=weights))


def test_files_of_version_1_have_no_digest_and_those_of_version_2_do(copy, tmp_path):
    values = {name: value for name, value in copy.values.items() if name != "digest"}
    cases = {(1, False): True, (1, True): False, (2, False): False, (2, True): True}
    for number, ((version, stated), sound) in enumerate(cases.items()):
        changed = {**values, "format_version": version}
        if stated:
            changed["digest"] = content_digest(changed)
        torch.save(changed, path := tmp_path / f"{number}.pt")
        if sound:
            assert load_checkpoint(path).seed == 0
        else:
            with pytest.raises(CheckpointError, match="is damaged: its digest does not go with its format"):
                load_checkpoint(path)


def test_the_digest_depends_on_every_value_and_not_on_the_order_of_names():
    base = {"a": [1, 2.0, "x", None], "b": {"t": torch.arange(4.0)}}
    others = [
        {"a": [1, 2.0, "x", None], "b": {"t": torch.arange(4)}},
        {"a": [1, 2.0, "x", None], "b": {"t": torch.arange(4.0).reshape(2, 2)}},
        {"a": [1, 2.0, "x", None], "b": {"t": torch.tensor([0.0, 1, 2, 4])}},
        {"a": [1, 2, "x", None], "b": {"t": torch.arange(4.0)}},
        {"a": [1, 2.0, "x", False], "b": {"t": torch.arange(4.0)}},
        {"a": [1, 2.0, "x"], "b": {"t": torch.arange(4.0)}},
        {"a": [1, 2.0, "x", None], "c": {"t": torch.arange(4.0)}},
    ]
    found = {content_digest(each) for each in (base, *others)}
    assert len(found) == len(others) + 1
    turned = {"b": {"t": torch.arange(4.0).repeat(2, 1).T[:, 0]}, "a": (1, 2.0, "x", None)}
    assert content_digest(turned) == content_digest(base)


@pytest.mark.parametrize("seed", range(3))
def test_damage_is_noticed_or_changes_nothing(run, tmp_path, seed):
    """Flipped bytes, truncations and pieces in other places: CheckpointError, or the very values."""
    path, expected = tmp_path / "c.pt", load_checkpoint(run / "run" / "seed_0")
    whole, draw = (run / "run" / "seed_0" / "checkpoint.pt").read_bytes(), np.random.default_rng(seed)
    noticed, rest = (
        0,
        dict.fromkeys(("fingerprints", "standardisation", "validation_record")) | {"weights": {}},
    )
    for number in range(60):
        damaged = bytearray(whole)
        at, other, size = (int(each) for each in draw.integers(0, len(whole) - 64, 3))
        if number % 6 == 0:
            damaged = damaged[:at]
        elif number % 6 == 1:
            damaged[at : at + 64] = whole[other : other + 64]
        else:
            damaged[at] ^= 1 << size % 8
        path.write_bytes(damaged)
        try:
            found = load_checkpoint(path)
        except CheckpointError as error:
            assert "\n" not in str(error)
            noticed += 1
            continue
        assert found.weights.keys() == expected.weights.keys()
        assert all(torch.equal(found.weights[name], rows) for name, rows in expected.weights.items())
        assert replace(found, **rest) == replace(expected, **rest)
        for name in ("fingerprints", "validation_record"):
            one, two = (getattr(each, name).to_dict() for each in (found, expected))
            assert content_digest(one) == content_digest(two)
    assert noticed > 10


@pytest.mark.slow
def test_no_value_in_any_place_is_more_than_a_clear_line(copy):
    """With a digest that fits, as somebody who means harm can make it."""
    hostile = [None, True, -1, 2**70, float("inf"), "/dev/zero", "", [], {}, [[]], torch.zeros(()), b"x"]
    values = {name: value for name, value in copy.values.items() if name != "digest"}
    cases = [(place, value) for place in places(values) for value in hostile]
    refused = 0
    for place, value in random.Random(0).sample(cases, 150):
        try:
            load_checkpoint(copy(**replaced(values, place, value)))
        except CheckpointError as error:
            assert "\n" not in str(error) and len(str(error)) < 2000
            refused += 1
    assert refused > 100


def places(values, path=()):
    """The path of every value, of lists their first."""
    if isinstance(values, dict):
        for name, value in values.items():
            yield (*path, name)
            yield from places(value, (*path, name))
    elif isinstance(values, list) and values:
        yield (*path, 0)
        yield from places(values[0], (*path, 0))


def replaced(values, place, value):
    first, *rest = place
    changed = list(values) if isinstance(values, list) else dict(values)
    changed[first] = replaced(values[first], rest, value) if rest else value
    return changed


@pytest.mark.parametrize("make", [os.mkfifo, lambda path: path.symlink_to("/dev/zero"), Path.mkdir])
def test_what_is_no_file_is_one_line_at_once(tmp_path, make):
    make(tmp_path / "c.pt")
    with pytest.raises(CheckpointError, match="c.pt") as error:
        load_checkpoint(tmp_path / "c.pt")
    assert "\n" not in str(error.value)


def test_the_checkpoints_of_a_run_come_in_the_order_of_their_seeds(run, tmp_path):
    assert checkpoint_paths(run / "run") == [
        run / "run" / f"seed_{seed}" / "checkpoint.pt" for seed in (0, 1)
    ]
    assert checkpoint_paths(run / "run" / "seed_1") == [run / "run" / "seed_1" / "checkpoint.pt"]
    with pytest.raises(CheckpointError, match="no seed_. folder in it"):
        checkpoint_paths(tmp_path)
    (tmp_path / "seed_0").mkdir()
    with pytest.raises(CheckpointError, match="seed_0 not finished"):
        checkpoint_paths(tmp_path)


def test_seeds_of_one_run_differ_by_their_seed_alone(run, tmp_path):
    assert [each.seed for each in load_run(run / "run")] == [0, 1]
    first = load_checkpoint(run / "run" / "seed_0")
    other = resolve(CONFIG, overrides=["train.epochs=3"])
    lists = {"train": {**first.lists["train"], "digest": "of other videos"}}
    for changes, message in (
        (
            {"seed": 1, "config": other},
            "seed_7 was trained with other settings than seed_0: train.epochs was 2",
        ),
        ({"seed": 1, "lists": lists}, "seed_7 was trained .* lists.train was"),
        ({"seed": 1, "specs": (make_spec(segment_stride=8),)}, "segment_stride was 16, in seed_7 8"),
        ({}, "seed_0, seed_7 hold the same seed"),
    ):
        for folder, checkpoint in (("seed_0", first), ("seed_7", replace(first, **changes))):
            (tmp_path / folder).mkdir(exist_ok=True)
            save_checkpoint(checkpoint, tmp_path / folder / "checkpoint.pt")
        with pytest.raises(CheckpointError, match=message) as error:
            load_run(tmp_path)
        assert "\n" not in str(error.value)
