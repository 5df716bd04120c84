"""Stores to bags: pooling against slow formulas, several stores, crops, statistics, and what is refused."""

import numpy as np
import pytest
import torch

from data_lists import Video
from extract.store import FeatureStore, StoreError
from score.bags.cache import read_cache
from score.bags.standardise import Standardisation, unit_rows
from score.bags.store_access import open_stores
from score.config.data_config import DataConfig
from score.pooling.modalities import features_by_modality
from score.pooling.moments import Moments
from score.pooling.rules import SegmentsConfig, part_bounds, picked, pool, spread
from support.tiny_stores import make_features, make_spec, make_store, make_videos

LENGTHS = [1, 2, 5, 31, 32, 33, 64, 65, 500]


def slow_pool(rows, n, rule):
    """The published loops: RTFM's process_feat, and Save_C3DFeatures_32Segments (1-based, inclusive)."""
    out = []
    if rule == "floor":
        edges = np.linspace(0, len(rows), n + 1, dtype=int)
        for begin, end in zip(edges[:-1], edges[1:], strict=True):
            out.append(rows[begin:end].mean(axis=0) if begin != end else rows[begin])
    else:
        edges = [int(np.floor(edge + 0.5)) for edge in np.linspace(1, len(rows), n + 1)]
        for first, following in zip(edges[:-1], edges[1:], strict=True):
            last = following - 1
            out.append(rows[first - 1] if last <= first else rows[first - 1 : last].mean(axis=0))
    return np.array(out)


@pytest.mark.parametrize("rule", ["floor", "sultani"])
@pytest.mark.parametrize("length", LENGTHS)
def test_pooling_equals_the_published_loops(length, rule):
    rows = np.random.default_rng(length).normal(size=(length, 2, 3))
    pooled = pool(rows, SegmentsConfig(rule=rule))
    np.testing.assert_allclose(pooled, slow_pool(rows, 32, rule), atol=1e-5)
    assert pooled.dtype == np.float32


@pytest.mark.parametrize("rule", ["floor", "sultani"])
@pytest.mark.parametrize("length", LENGTHS)
def test_spread_gives_a_segment_the_mean_of_the_parts_that_hold_it(length, rule):
    score = np.random.default_rng(length).random(32)
    bounds = part_bounds(length, 32, rule=rule)
    expected, before = [], None
    for segment in range(length):
        parts = [score[part] for part, (begin, end) in enumerate(bounds) if begin <= segment < end]
        before = (
            np.mean(parts) if parts else before
        )  # Sultani's last segment is in no part and keeps the last score
        expected.append(before)
    np.testing.assert_allclose(spread(score, length, SegmentsConfig(rule=rule)), expected, atol=1e-6)


@pytest.mark.parametrize("length", LENGTHS)
def test_uniform_picks_and_gives_back_every_segment_a_near_score(length):
    segments = SegmentsConfig(mode="uniform", n=32)
    rows = np.arange(length, dtype=float)[:, None, None]
    instances = pool(rows, segments)[:, 0, 0]
    assert len(instances) == min(length, 32) and instances[0] == 0 and instances[-1] == length - 1
    back = spread(instances, length, segments)  # each segment gets the number of the one that stands for it
    nearest = picked(length, 32)[np.abs(np.arange(length)[:, None] - picked(length, 32)).argmin(axis=1)]
    assert np.abs(back - np.arange(length)).max() == np.abs(nearest - np.arange(length)).max()


@pytest.mark.parametrize("length", LENGTHS)
def test_short_videos_may_keep_their_segments(length):
    segments = SegmentsConfig(n=32, short="keep")
    rows = np.random.default_rng(length).normal(size=(length, 2, 3)).astype(np.float32)
    if length <= 32:
        assert np.array_equal(pool(rows, segments), rows)
        assert np.array_equal(spread(rows[:, 0, 0].clip(0, 1), length, segments), rows[:, 0, 0].clip(0, 1))
    else:
        np.testing.assert_allclose(pool(rows, segments), slow_pool(rows, 32, "floor"), atol=1e-5)


def test_short_videos_are_kept_by_one_rule_only():
    with pytest.raises(ValueError, match="short is 'keep' with rule 'sultani'; use rule=floor"):
        SegmentsConfig(short="keep", rule="sultani")


def test_modes_that_keep_all_segments_change_nothing():
    rows = np.random.default_rng(0).normal(size=(7, 1, 3)).astype(np.float32)
    for mode in ("none", "crop"):
        assert np.array_equal(pool(rows, SegmentsConfig(mode=mode, n=4)), rows)
        assert np.array_equal(spread(rows[:, 0, 0], 7, SegmentsConfig(mode=mode, n=4)), rows[:, 0, 0])


def test_the_cache_holds_every_video_pooled_with_its_label_and_class(tmp_path):
    videos = make_videos(2, 1) + [Video("Robbery/r0", "Robbery")]
    store = make_store(tmp_path / "store", videos)
    classes = ("Normal", "Fight", "Robbery")
    cache, _ = read_cache([store], videos, segments=SegmentsConfig(n=4), event_classes=classes)
    bags = cache.bags(torch.tensor([3, 0]))
    assert bags.features["rgb"].shape == (2, 4, 6) and bags.mask.all()
    assert bags.label.tolist() == [1, 0] and bags.event_class.tolist() == [2, 0]
    np.testing.assert_allclose(
        bags.features["rgb"][0], slow_pool(store.read("Robbery/r0").features[:, 0], 4, "floor"), atol=1e-5
    )


def test_bags_of_unequal_length_are_padded_with_zeros(tmp_path):
    videos = make_videos(3, 3)
    store = make_store(tmp_path / "store", videos)
    cache, _ = read_cache(
        [store], videos, segments=SegmentsConfig(mode="none"), event_classes=("Normal", "Fight")
    )
    bags = cache.bags(torch.arange(6))
    for bag, video in enumerate(videos):
        rows = store.read(video.video_id).features[:, 0]
        assert int(bags.mask[bag].sum()) == len(rows)
        assert np.array_equal(bags.features["rgb"][bag, : len(rows)], rows)
        assert not bags.features["rgb"][bag, len(rows) :].any()


def test_a_window_is_a_run_of_neighbouring_segments_and_reaches_both_ends(tmp_path):
    store = FeatureStore.create(tmp_path / "store", make_spec(feature_dim=1))
    store.write(make_features("long", np.arange(6.0)[:, None]))
    store.write(make_features("short", np.arange(2.0)[:, None]))
    videos = [Video("long"), Video("short")]
    cache, _ = read_cache(
        [store], videos, segments=SegmentsConfig(mode="crop", n=4), event_classes=("Normal",)
    )
    generator, starts = torch.Generator().manual_seed(0), set()
    for _ in range(60):
        bags = cache.bags(torch.tensor([0, 1]), window=4, generator=generator)
        rows = bags.features["rgb"][:, :, 0]
        assert (rows[0].diff() == 1).all() and rows[1].tolist() == [0, 1, 0, 0]
        assert bags.mask.tolist() == [[True] * 4, [True, True, False, False]]
        starts.add(int(rows[0, 0]))
    assert starts == {0, 1, 2}


def test_crops_become_neighbouring_bags_of_one_video_or_one_of_them(tmp_path):
    videos = make_videos(2, 1)
    store = make_store(tmp_path / "store", videos, num_crops=3, crops="three")
    cache, _ = read_cache([store], videos, segments=SegmentsConfig(n=4), event_classes=("Normal", "Fight"))
    bags = cache.bags(torch.tensor([2, 0]))
    assert bags.label.tolist() == [1, 1, 1, 0, 0, 0] and bags.video.tolist() == [2, 2, 2, 0, 0, 0]
    crops = store.read("a0").features
    for crop in range(3):
        np.testing.assert_allclose(
            bags.features["rgb"][crop], slow_pool(crops[:, crop], 4, "floor"), atol=1e-5
        )
    one = cache.bags(torch.tensor([2, 0]), crops="random", generator=torch.Generator().manual_seed(0))
    assert len(one) == 2
    assert any(torch.equal(one.features["rgb"][0], bags.features["rgb"][crop]) for crop in range(3))


def test_an_exchanged_scene_moves_every_instance_of_a_bag_alike_to_the_median_of_another_video(tmp_path):
    lengths, random = (5, 9, 4), np.random.default_rng(0)
    store = FeatureStore.create(tmp_path / "store", make_spec(feature_dim=3))
    for number, length in enumerate(lengths):
        store.write(make_features(f"v{number}", random.normal(size=(length, 3)) + 10 * number))
    videos = [Video(f"v{number}") for number in range(3)]
    cache, _ = read_cache([store], videos, segments=SegmentsConfig(mode="none"), event_classes=("Normal",))
    rows = [store.read(video.video_id).features[:, 0] for video in videos]
    # the lower of the two middle ones where their number is even, as torch has it
    medians = [np.sort(each, axis=0)[(len(each) - 1) // 2] for each in rows]
    met = set()
    for seed in range(40):
        bags = cache.bags(torch.arange(3), background_swap=1.0, generator=torch.Generator().manual_seed(seed))
        assert not bags.features["rgb"][~bags.mask].any()
        for video, length in enumerate(lengths):
            moved = bags.features["rgb"][video, :length].numpy() - rows[video]
            other = int(np.argmin([np.abs(moved[0] - (each - medians[video])).max() for each in medians]))
            np.testing.assert_allclose(
                moved, np.tile(medians[other] - medians[video], (length, 1)), atol=1e-5
            )
            met.add((video, other))
    assert met == {(video, other) for video in range(3) for other in range(3)}
    still = cache.bags(torch.arange(3)).features["rgb"]
    assert all(np.allclose(still[video, :length], rows[video]) for video, length in enumerate(lengths))


def test_about_the_wanted_share_of_the_videos_change_their_scene(tmp_path):
    videos = make_videos(40, 40)
    store = make_store(tmp_path / "store", videos)
    cache, _ = read_cache([store], videos, segments=SegmentsConfig(n=4), event_classes=("Normal", "Fight"))
    every = torch.arange(80).repeat(10)
    own, some = (
        cache.bags(every, background_swap=share, generator=torch.Generator().manual_seed(0)).features["rgb"]
        for share in (0.0, 0.25)
    )
    changed = ((own - some).abs().amax(dim=(1, 2)) > 1e-6).float().mean()
    assert abs(float(changed) - 0.25 * 79 / 80) < 4 * (0.25 * 0.75 / 800) ** 0.5  # one in 80 meets itself


@pytest.mark.parametrize("crops", ["all", "random"])
def test_a_crop_takes_the_scene_of_the_same_crop(tmp_path, crops):
    videos = make_videos(2, 0)
    store = FeatureStore.create(tmp_path / "store", make_spec(feature_dim=2, num_crops=3, crops="three"))
    for number, video in enumerate(videos):  # crop c of video v is constant: 100 v + c
        value = 100.0 * number + np.arange(3.0)
        store.write(make_features(video.video_id, np.tile(value[None, :, None], (4, 1, 2))))
    cache, _ = read_cache([store], videos, segments=SegmentsConfig(mode="none"), event_classes=("Normal",))
    seen = set()
    for seed in range(20):
        bags = cache.bags(
            torch.tensor([0]), crops=crops, background_swap=1.0, generator=torch.Generator().manual_seed(seed)
        )
        values = bags.features["rgb"][:, 0, 0].round().tolist()
        if crops == "all":
            assert values in ([0, 1, 2], [100, 101, 102])
        seen |= set(values)
    assert seen == {0, 1, 2, 100, 101, 102}


def test_rows_of_length_one_exchange_no_scenes():
    with pytest.raises(ValueError, match="exchange is 0.5 with normalise 'l2'"):
        DataConfig(exchange=0.5, normalise="l2")


def test_stores_of_two_modalities_stay_apart_and_join_by_name(tmp_path):
    videos = make_videos(1, 1)
    rgb = make_store(tmp_path / "rgb", videos, seed=1)
    flow = make_store(tmp_path / "flow", videos, seed=1, modality="flow", feature_dim=6)
    for stores in ([rgb, flow], [flow, rgb]):
        cache, _ = read_cache(stores, videos, segments=SegmentsConfig(n=4), event_classes=("Normal", "Fight"))
        bags = cache.bags(torch.tensor([1]))
        assert set(bags.features) == {"rgb", "flow"}
        assert torch.equal(bags.joined(), torch.cat([bags.features["flow"], bags.features["rgb"]], dim=2))


def test_two_stores_of_one_modality_are_joined_along_the_features(tmp_path):
    videos = make_videos(1, 1)
    stores = [make_store(tmp_path / "one", videos), make_store(tmp_path / "two", videos, backbone="other")]
    parts = [store.read("a0") for store in stores]
    rows = features_by_modality(parts, [store.spec for store in stores])
    assert np.array_equal(rows["rgb"], np.concatenate([part.features for part in parts], axis=2))


def test_stores_that_cut_a_video_differently_are_refused(tmp_path):
    stores = []
    for name, length in (("rgb", 5), ("flow", 6)):
        store = FeatureStore.create(tmp_path / name, make_spec(modality=name))
        store.write(make_features("v", np.zeros((length, 6))))
        stores.append(store)
    with pytest.raises(StoreError, match="v: the made rgb store has 5 segments and the made flow store 6"):
        read_cache(stores, [Video("v")], segments=SegmentsConfig(), event_classes=("Normal",))


def test_missing_videos_are_listed_in_one_error(tmp_path):
    videos = make_videos(30, 2)
    store = make_store(tmp_path / "store", videos[:3])
    with pytest.raises(StoreError) as error:
        read_cache([store], videos, segments=SegmentsConfig(), event_classes=("Normal", "Fight"))
    message = str(error.value)
    assert "lacks 29 of 32 videos: n3, n4" in message and "and 9 more" in message and "\n" not in message


def test_the_same_store_twice_and_unequal_crops_are_refused(tmp_path):
    videos = make_videos(1, 1)
    make_store(tmp_path / "one", videos)
    make_store(tmp_path / "ten", videos, num_crops=10, crops="ten")
    make_store(tmp_path / "five", videos, num_crops=5, crops="five")
    with pytest.raises(ValueError, match="is given twice"):
        open_stores([tmp_path / "one", tmp_path / "ten" / ".." / "one"])
    with pytest.raises(StoreError, match="same number of crops, or one"):
        open_stores([tmp_path / "one", tmp_path / "five", tmp_path / "ten"])


def test_standardised_training_rows_have_mean_0_and_deviation_1(tmp_path):
    videos = make_videos(4, 4)
    store = make_store(tmp_path / "store", videos, shift=40.0)
    cache, moments = read_cache(
        [store], videos, segments=SegmentsConfig(mode="none"), event_classes=("Normal", "Fight"), moments=True
    )
    rows = cache.features["rgb"].clone()
    cache.transform(Standardisation.from_moments(moments), normalise="none")
    done = cache.features["rgb"].flatten(0, 1).double()
    np.testing.assert_allclose(done.mean(dim=0), 0, atol=1e-5)
    np.testing.assert_allclose(done.std(dim=0, correction=0), 1, atol=1e-4)
    assert not torch.equal(rows, cache.features["rgb"])


def test_moments_added_in_parts_are_those_of_the_whole():
    rows = np.random.default_rng(0).normal(1000.0, 0.5, size=(50, 3))
    moments = Moments()
    for part in (rows[:1], rows[1:20], rows[20:]):
        moments.add(part)
    np.testing.assert_allclose(moments.mean, rows.mean(axis=0), rtol=1e-12)
    np.testing.assert_allclose(moments.squares / moments.count, rows.var(axis=0), rtol=1e-6)


def test_a_feature_that_never_changes_is_only_shifted():
    moments = Moments()
    moments.add(np.array([[7.3, 1.0], [7.3, 3.0]], dtype=np.float32))
    stats = Standardisation.from_moments({"rgb": moments})
    assert stats.deviation["rgb"].tolist() == [1.0, 1.0]
    assert stats.apply_(torch.tensor([[7.3, 5.0]]), "rgb")[0].tolist() == pytest.approx([0.0, 3.0], abs=1e-6)


def test_unit_rows_leave_a_row_of_zeros_alone():
    assert unit_rows(torch.tensor([[3.0, 4.0], [0.0, 0.0]])).tolist() == [
        [pytest.approx(0.6), pytest.approx(0.8)],
        [0, 0],
    ]


def test_scoring_takes_all_segments_where_training_crops():
    assert DataConfig(segments=SegmentsConfig(mode="crop", n=8)).scoring_segments.mode == "none"
    assert DataConfig(scoring="full").scoring_segments.mode == "none"
    assert DataConfig().scoring_segments == SegmentsConfig()
