"""Which columns belong to which store, and what each store's features become."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from data_lists import write_list
from extract.store import FeatureStore
from score.bags.cache import read_cache
from score.config.presets import preset_of
from score.config.run_config import ConfigError, resolve
from score.pooling.modalities import segment_features
from score.pooling.modality_table import Part, modality_table
from score.pooling.rules import SegmentsConfig
from score.runs.checkpoint import load_checkpoint
from score.scoring.scorer import load_scorer
from score.training.batched_seeds import batching_blocker
from score.training.loop import train_seed
from score.training.starting_point import settings_from, starting_points
from score.training.training_data import prepare
from support.tiny_stores import make_features, make_spec, make_store, make_videos
from support.tiny_trainings import run_cli

IMAGE, MOTION, SOUND = (
    make_spec(preset="image", feature_dim=3),
    make_spec(preset="motion", feature_dim=2),
    make_spec(preset="sound", modality="audio", feature_dim=4),
)


def test_the_table_names_the_columns_of_each_store():
    plain = modality_table([IMAGE, MOTION, SOUND], SegmentsConfig())
    assert plain == (
        Part("image", "rgb", ((0, 3),)),
        Part("motion", "rgb", ((3, 5),)),
        Part("sound", "audio", ((0, 4),)),
    )
    changed = modality_table(
        [IMAGE, MOTION, SOUND], SegmentsConfig(changes={"image": "add", "audio": "only"})
    )
    assert [part.columns for part in changed] == [((0, 3), (5, 8)), ((3, 5),), ((0, 4),)]
    assert [part.width for part in changed] == [6, 2, 4]
    twice = modality_table([IMAGE, IMAGE], SegmentsConfig(changes={"image#2": "only"}))
    assert [part.name for part in twice] == ["image", "image#2"]


@pytest.mark.parametrize(
    "changes", ["none", "add", "only", {"image": "only"}, {"motion": "add", "rgb": "only"}]
)
def test_the_columns_of_a_store_are_what_it_has_alone(changes):
    random = np.random.default_rng(0)
    specs = [replace(IMAGE, num_crops=2), replace(MOTION, num_crops=2)]
    rows = [random.normal(size=(6, 2, spec.feature_dim)).astype(np.float32) for spec in specs]
    segments = SegmentsConfig(changes=changes, centre="video")
    together = segment_features(rows, specs, segments)["rgb"]
    for part, spec, own in zip(modality_table(specs, segments), specs, rows, strict=True):
        alone = segment_features([own], [spec], segments)["rgb"]
        columns = [together[..., start:stop] for start, stop in part.columns]
        assert np.array_equal(np.concatenate(columns, axis=-1), alone)


def test_a_missing_row_is_zero_in_everything_and_counts_in_no_statistic(tmp_path):
    videos = make_videos(2, 2)
    make_store(tmp_path / "image", videos, preset="image")
    sound = FeatureStore.create(tmp_path / "sound", SOUND)
    rows = {"n1": np.zeros((7, 4))}
    for video in videos:
        count = FeatureStore(tmp_path / "image").header(video.video_id).num_segments
        rows[video.video_id] = np.random.default_rng(count).normal(3, 2, size=(count, 4))
        if video.video_id == "n1":
            rows["n1"][:] = 0.0
        sound.write(make_features(video.video_id, rows[video.video_id]))
    stores = [FeatureStore(tmp_path / "image"), sound]
    segments = SegmentsConfig(mode="none", zeros="missing")
    _, moments = read_cache(
        stores, videos, segments=segments, event_classes=["Normal", "Fight"], moments=True
    )
    seen = np.concatenate([each for name, each in rows.items() if name != "n1"]).astype(np.float32)
    assert moments["audio"].count == len(seen)
    np.testing.assert_allclose(moments["audio"].mean, seen.mean(axis=0), rtol=1e-5)
    config = resolve(
        preset_of("mil", "debug"),
        overrides=["data.segments.zeros=missing", "data.segments.mode=none", "train.validation_share=0"],
    )
    data = prepare(config, stores, videos)
    cache = data.train
    place = cache.video_ids.index("n1")
    begin, length = int(cache.start[place]), int(cache.length[place])
    assert not cache.features["audio"][begin : begin + length].any()
    assert cache.features["rgb"][begin : begin + length].all()
    checkpoint = train_seed(config, data, folder=tmp_path / "run", seed=0)
    scorer = load_scorer(tmp_path / "run")
    bags = scorer.bags(*(store.read("n1") for store in stores))
    assert torch.equal(bags.features["audio"], torch.zeros(1, length, 4)) and checkpoint.bag_spec.table


def test_a_run_of_two_stores_remembers_how_they_are_fused(tmp_path):
    train, test = make_videos(6, 6), make_videos(3, 3, prefix="test/")
    make_store(tmp_path / "image", [*train, *test], preset="image")
    make_store(tmp_path / "motion", [*train, *test], preset="motion")
    write_list(tmp_path / "train.tsv", train)
    spanned = [replace(each, anomaly_spans=((32, 64),) if each.is_anomalous else ()) for each in test]
    write_list(tmp_path / "test.tsv", spanned)
    stores = [word for name in ("image", "motion") for word in ("--store", tmp_path / name)]
    words = ["fusion.mode=late", "fusion.weights=validation", "data.segments.changes={image: only}"]
    settings = [word for each in (*words, "train.validation_share=0.3") for word in ("--set", each)]
    run = tmp_path / "run"
    begin = ["train", "--head", "mil", "--preset", "debug", *stores, "--list", tmp_path / "train.tsv"]
    done = run_cli(*begin, *settings, "--out", run)
    assert done.exit_code == 0, done.output
    checkpoint = load_checkpoint(run / "seed_0")
    assert [part.name for part in checkpoint.bag_spec.parts] == ["image", "motion"]
    assert checkpoint.config.fusion.mode == "late"
    assert float(checkpoint.weights["score_weight"].sum()) == pytest.approx(1)
    done = run_cli(
        *("evaluate", run, *stores[2:], *stores[:2], "--list", tmp_path / "test.tsv", "--resamples", 0)
    )
    assert done.exit_code == 0 and "frame AUC" in done.output, done.output
    assert "section fusion" in batching_blocker(checkpoint.config)
    with pytest.raises(ConfigError, match=r"fusion.mode is 'early', but .* trained with 'late'"):
        settings_from(starting_points(run)[0], None, overrides=["fusion.mode=early", "fusion.weights=equal"])
    for wrong, words in (
        ("fusion.norm={imagee: l2}", "did you mean 'image'"),
        ("data.segments.changes={flow: only}", "known: image, motion, rgb"),
        ("fusion.weights=validation", "but no video validates (none was requested)"),
    ):
        more = ["--set", "train.validation_share=0", "--set", "fusion.mode=late", "--set", wrong]
        done = run_cli(*begin, *more, "--out", tmp_path / "other")
        assert done.exit_code == 2 and words in done.output, done.output
