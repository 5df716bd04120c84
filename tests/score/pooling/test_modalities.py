"""Several stores, several crops and any width of a feature, from the command line to the measures."""

import json
from dataclasses import replace

import numpy as np
import pytest

from data_lists import write_list
from extract.store import FeatureStore
from score.bags.cache import read_cache
from score.config.presets import preset_of
from score.config.run_config import resolve
from score.heads import FEATURE_HEADS
from score.pooling.rules import SegmentsConfig
from score.runs.checkpoint import load_checkpoint
from score.scoring.scorer import Scorer, load_scorer
from score.training.loop import train_seed
from score.training.training_data import prepare
from support.tiny_stores import make_features, make_spec, make_store, make_videos
from support.tiny_trainings import run_cli

TRAIN, TEST = make_videos(4, 4), make_videos(3, 3, prefix="test/")


@pytest.fixture
def lists(tmp_path):
    write_list(tmp_path / "train.tsv", TRAIN)
    spanned = [replace(each, anomaly_spans=((32, 64),) if each.is_anomalous else ()) for each in TEST]
    write_list(tmp_path / "test.tsv", spanned)
    return tmp_path


def train(folder, *stores, head="mil"):
    words = [word for store in stores for word in ("--store", folder / store)]
    return run_cli(
        "train",
        "--head",
        head,
        "--preset",
        "debug",
        *words,
        "--list",
        folder / "train.tsv",
        "--out",
        folder / "run",
        "--device",
        "cpu",
    )


def evaluate(folder, *stores):
    """The numbers that evaluate writes."""
    words = [word for store in stores for word in ("--store", folder / store)]
    result = run_cli(
        "evaluate",
        folder / "run",
        *words,
        "--list",
        folder / "test.tsv",
        "--json",
        folder / "out.json",
        "--resamples",
        "0",
        "--device",
        "cpu",
    )
    assert result.exit_code == 0, result.output
    return json.loads((folder / "out.json").read_text())


def test_rgb_and_flow_train_together_and_are_evaluated_in_any_order(lists):
    make_store(lists / "rgb", [*TRAIN, *TEST])
    make_store(lists / "flow", [*TRAIN, *TEST], modality="flow")
    done = train(lists, "rgb", "flow")
    assert done.exit_code == 0, done.output
    assert "6 rgb + 6 flow features" in done.output
    assert load_checkpoint(lists / "run" / "seed_0").bag_spec.joined_dim == 12
    first, second = evaluate(lists, "rgb", "flow"), evaluate(lists, "flow", "rgb")
    assert first["frame_auc"] == second["frame_auc"] and first["videos"] == 6
    alone = run_cli("evaluate", lists / "run", "--store", lists / "rgb", "--list", lists / "test.tsv")
    assert alone.exit_code == 2 and alone.output.startswith("error: 1 stores are given")


@pytest.mark.parametrize("length, stride", [(4, 16), (5, 8)])
def test_stores_with_other_spans_are_one_line_that_names_the_video(lists, length, stride):
    for name in ("rgb", "flow"):
        store = FeatureStore.create(lists / name, make_spec(modality=name))
        for video in TRAIN:
            store.write(make_features(video.video_id, np.zeros((5, 6))))
    store.write(make_features("a2", np.zeros((length, 6)), stride=stride))
    done = train(lists, "rgb", "flow")
    assert done.exit_code == 2 and done.output.splitlines() == [
        "error: a2: the made rgb store has 5 segments and the made flow store "
        f"{length}, or other spans; extract both with the same clip_length and segment_stride, or join "
        "them by the shorter or by time (--join cut, --join time)"
    ]
    assert not (lists / "run").exists()


def test_a_video_that_only_one_store_holds_is_named(lists):
    make_store(lists / "rgb", TRAIN)
    make_store(lists / "flow", TRAIN[:-1], modality="flow")
    done = train(lists, "rgb", "flow")
    assert done.exit_code == 2 and "lacks 1 of 8 videos: a3" in done.output.splitlines()[0]


def five_crops(place, store, *, apart=0.0, modality="audio"):
    """A store whose five crops are the one of another store, `apart` from each other."""
    made = FeatureStore.create(place, replace(store.spec, num_crops=5, crops="five", modality=modality))
    for video_id in store.ids():
        video = store.read(video_id)
        rows = np.repeat(video.features, 5, axis=1) + apart * np.arange(5, dtype=np.float32)[:, None]
        made.write(replace(video, features=rows))
    return made


@pytest.mark.parametrize("segments", [{}, {"mode": "none", "changes": "add", "centre": "video"}], ids=str)
def test_one_crop_of_sound_belongs_to_each_of_five_crops(tmp_path, segments):
    videos = TRAIN[::4]
    sound = make_store(tmp_path / "sound", videos, modality="audio")
    picture = five_crops(tmp_path / "rgb", sound, apart=0.5, modality="rgb")
    by_hand = five_crops(tmp_path / "by_hand", sound)
    for first, second in ((picture, sound), (sound, picture)):
        found, expected = (
            read_cache(
                stores,
                videos,
                segments=SegmentsConfig(**segments),
                event_classes=("Normal", "Fight"),
                moments=True,
            )
            for stores in ((first, second), [by_hand if each is sound else each for each in (first, second)])
        )
        for modality in ("rgb", "audio"):
            assert found[0].features[modality].shape[1] == 5
            assert found[0].features[modality].equal(expected[0].features[modality])
            assert np.array_equal(found[1][modality].mean, expected[1][modality].mean)


def test_five_crops_and_one_train_together_and_are_evaluated(lists):
    sound = make_store(lists / "sound", [*TRAIN, *TEST], modality="audio")
    rgb = five_crops(lists / "rgb", sound, apart=0.5, modality="rgb")
    done = train(lists, "rgb", "sound")
    assert done.exit_code == 0 and "6 audio" in done.output and "6 rgb" in done.output, done.output
    assert evaluate(lists, "sound", "rgb")["videos"] == 6
    scorer = load_scorer(lists / "run" / "seed_0")
    for video in TEST:
        parts = [store.read(video.video_id) for store in (rgb, sound)]
        bags = scorer.bags(*parts)
        assert len(bags) == 5 and bags.joined().shape[2] == 12
        assert bags.features["audio"].equal(bags.features["audio"][:1].expand_as(bags.features["audio"]))
        assert np.isfinite(scorer.score(*parts).segment_score).all()


@pytest.mark.parametrize("head", ["mil", "rtfm"])
@pytest.mark.slow
def test_ten_crops_train_as_bags_and_are_averaged_in_scoring(lists, head):
    store = make_store(lists / "ten", [*TRAIN, *TEST], num_crops=10, crops="ten")
    done = train(lists, "ten", head=head)
    assert done.exit_code == 0, done.output
    assert evaluate(lists, "ten")["frame_auc"]["mean"] is not None
    scorer, video = load_scorer(lists / "run" / "seed_0"), store.read("test/a1")
    assert len(scorer.bags(video)) == 10
    single = [  # ten times the same crop
        scorer.score(replace(video, features=video.features[:, [crop] * 10])).segment_score
        for crop in range(10)
    ]
    assert np.ptp(single, axis=0).max() > 1e-4  # crops that all scored alike would show nothing
    np.testing.assert_allclose(scorer.score(video).segment_score, np.mean(single, axis=0), atol=1e-6)


@pytest.mark.parametrize("dim", [1, 4096])
@pytest.mark.parametrize("head", FEATURE_HEADS)
def test_a_feature_may_be_one_number_or_thousands(tmp_path, head, dim):
    store = make_store(tmp_path / "store", TRAIN, feature_dim=dim)
    config = resolve(preset_of(head, "debug"), overrides=["train.epochs=1", "train.steps_per_epoch=1"])
    scorer = Scorer(train_seed(config, prepare(config, [store], TRAIN), folder=tmp_path / "run", seed=0))
    for video in TRAIN[::4]:
        scores = scorer.score(store.read(video.video_id))
        assert np.isfinite(scores.segment_score).all() and 0 <= scores.video_score <= 1
        assert len(scores.segment_score) == store.header(video.video_id).num_segments
