"""Stores whose segments of a video differ: joined, they equal stores that were made by hand."""

import json
from dataclasses import replace

import numpy as np
import pytest

from data_lists import write_list
from extract.store import FeatureStore, StoreError
from score.bags.cache import read_cache
from score.pooling import pooled_video
from score.pooling.rules import SegmentsConfig
from score.pooling.segment_join import ChosenRows, covering, joined, read_joined
from score.runs.checkpoint import load_checkpoint
from support.tiny_stores import make_features, make_spec, make_videos
from support.tiny_trainings import assert_same, run_cli

TRAIN, TEST = make_videos(4, 4), make_videos(2, 2, prefix="test/")
WAYS = [SegmentsConfig(n=4), SegmentsConfig(mode="none", changes="add", centre="video")]


def rows_of(number, count):
    return np.random.default_rng([number, count]).normal(size=(count, 6)).astype(np.float32)


def fill(root, rows_by_video, *, stride=16, fps=25.0, **spec):
    store = FeatureStore.create(root, make_spec(segment_stride=stride, clip_length=stride, **spec))
    for video_id, rows in rows_by_video.items():
        made = make_features(video_id, rows, stride=stride)
        store.write(replace(made, fps=fps, time_span=made.frame_span / (fps or 25.0)))
    return store


def instances(stores, segments):
    videos = make_videos(1, 1)
    cache, _ = read_cache(stores, videos, segments=segments, event_classes=("Normal", "Fight"))
    return cache.features


@pytest.fixture
def two(tmp_path):
    """Makes stores of the videos n0 and a0: (name, lengths, stride) -> store, in which row k is known."""

    def make(name, lengths, stride=16, pick=None, **options):
        rows = {video: rows_of(stride, count) for video, count in zip(("n0", "a0"), lengths, strict=True)}
        if pick is not None:
            rows = {video: each[pick[video]] for video, each in rows.items()}
            stride = 16
        return fill(tmp_path / name, rows, stride=stride, modality=name.split("-")[0], **options)

    return make


@pytest.mark.parametrize("segments", WAYS, ids=["mean", "all"])
def test_cut_gives_the_instances_of_stores_that_were_cut_by_hand(two, segments):
    rgb, flow = two("rgb", (5, 7)), two("flow", (4, 9))
    by_hand = [two(f"{name}-hand", (4, 7)) for name in ("rgb", "flow")]
    for name, store in zip(("rgb", "flow"), by_hand, strict=True):
        whole = {"rgb": rgb, "flow": flow}[name]
        for video in ("n0", "a0"):
            cut = store.header(video).num_segments
            store.write(make_features(video, whole.read(video).features[:cut, 0]))
    found = instances([rgb, flow], replace(segments, join="cut"))
    for name, rows in instances(by_hand, segments).items():
        assert np.array_equal(found[name], rows), name
    parts = read_joined([rgb, flow], "a0", replace(segments, join="cut"))
    assert [part.num_segments for part in parts] == [7, 7] and parts[1].features.shape == (7, 1, 6)


# Middles of the first store: 8, 24, 40, ... Strides of 8: 8 begins segment 1. Of 24: 24 begins segment 1.
PICKED = {
    8: ((10, 14), {"n0": [1, 3, 5, 7, 9], "a0": [1, 3, 5, 7, 9, 11, 13]}),
    24: ((3, 5), {"n0": [0, 1, 1, 2, 2], "a0": [0, 1, 1, 2, 3, 3, 4]}),
    16: ((4, 8), {"n0": [0, 1, 2, 3, 3], "a0": [0, 1, 2, 3, 4, 5, 6]}),
}


@pytest.mark.parametrize("most", [2, 64], ids=["in blocks", "whole"])
@pytest.mark.parametrize("segments", WAYS, ids=["mean", "all"])
@pytest.mark.parametrize("stride", PICKED)
def test_time_gives_the_instances_of_a_store_that_was_picked_by_hand(
    two, monkeypatch, stride, segments, most
):
    monkeypatch.setattr(pooled_video, "CHUNK", most)
    monkeypatch.setattr(pooled_video.pooled_video, "__kwdefaults__", {"block": 1})
    lengths, pick = PICKED[stride]
    rgb, flow = two("rgb", (5, 7)), two("flow", lengths, stride)
    by_hand = two("flow-hand", lengths, stride, pick)
    found = instances([rgb, flow], replace(segments, join="time"))
    for name, rows in instances([rgb, by_hand], segments).items():
        assert np.array_equal(found[name], rows), name


def test_frames_join_stores_of_which_one_has_no_rate(two):
    segments = SegmentsConfig(join="time")
    lengths, pick = PICKED[8]
    rgb, flow = two("rgb", (5, 7), fps=50.0), two("flow", lengths, 8, fps=0.0)
    part = read_joined([rgb, flow], "a0", segments)[1]
    assert np.array_equal(part.features, flow.read("a0").features[pick["a0"]])
    assert np.array_equal(part.time_span, rgb.read("a0").time_span)


def test_seconds_join_stores_of_other_frame_rates(two):
    rgb, flow = two("rgb", (5, 7), fps=50.0), two("flow", (5, 7), 8, fps=25.0)
    part = read_joined([rgb, flow], "a0", SegmentsConfig(join="time"))[1]
    assert np.array_equal(part.features, flow.read("a0").features)


@pytest.mark.parametrize("seed", range(6))
def test_the_covering_span_is_the_one_that_a_search_of_all_finds(seed):
    random = np.random.default_rng(seed)
    start = np.sort(random.integers(0, 200, 40)).astype(float)
    stops = [
        start + 10,
        start + random.integers(1, 30, 40),
        np.maximum.accumulate(start + random.integers(1, 9, 40)),
    ]
    target = np.stack([np.arange(0, 240, 7), np.arange(0, 240, 7) + 7], axis=1).astype(float)
    for stop in stops:
        found = np.stack([start, stop], axis=1)
        numbers, apart = covering(target, found)
        for middle, number, distance in zip(target.mean(axis=1), numbers, apart, strict=True):
            covers = (start <= middle) & (middle < stop)
            gap = np.where(covers, 0.0, np.maximum(start - middle, middle - stop))
            assert distance == gap.min() and gap[number] == gap.min() and covers[number] == covers.any()
            if covers.any():
                off = np.abs(found.mean(axis=1) - middle)
                assert off[number] == off[covers].min()


def test_chosen_rows_are_the_rows_of_an_index():
    rows, numbers = np.arange(600.0).reshape(200, 1, 3), np.repeat(np.arange(0, 200, 2), 2)
    chosen = ChosenRows(rows, numbers)
    assert len(chosen) == 200 and chosen.shape == (200, 1, 3) and chosen.dtype == rows.dtype
    for key in (slice(None), slice(3, 150), slice(5, 5), (slice(10, 100), slice(None), slice(1, 3))):
        assert np.array_equal(chosen[key], rows[numbers][key])


@pytest.mark.parametrize(
    "join, lengths, stride, reason",
    [
        (
            "cut",
            (5, 10),
            16,
            "a0: .* 7 segments, .* flow store has 10 .* at most 2 .data.segments.cut_at_most",
        ),
        ("cut", (5, 7), 8, "a0: .* segment 1 begins at frame 16 in the first and at frame 8 .*--join time"),
        ("time", (5, 11), 16, "a0: .* ends at 4.48 seconds .* 7.04; .* are they the same video"),
        ("time", (5, 4), 16, "a0: .* ends at 4.48 seconds .* 2.56"),
    ],
)
def test_stores_that_cannot_be_joined_are_one_line_with_the_video(two, join, lengths, stride, reason):
    stores = [two("rgb", (5, 7)), two("flow", lengths, stride)]
    with pytest.raises(StoreError, match=reason):
        read_joined(stores, "a0", SegmentsConfig(join=join))


def test_a_gap_in_the_other_store_is_refused(two):
    stores = [two("rgb", (5, 20)), two("flow", (5, 20))]
    parts, specs = [store.read("a0") for store in stores], [store.spec for store in stores]
    keep = np.r_[0:5, 9:20]
    spans = {name: getattr(parts[1], name)[keep] for name in ("frame_span", "time_span")}
    gap = replace(parts[1], features=parts[1].features[keep], **spans)
    with pytest.raises(
        StoreError, match="a0: no segment of the made flow store covers the middle of segment 6"
    ):
        joined([parts[0], gap], specs, SegmentsConfig(join="time"))


@pytest.fixture
def unequal(tmp_path):
    """RGB and flow with one segment less in half of the videos, and both cut by hand, with lists."""
    spanned = [replace(each, anomaly_spans=((32, 64),) if each.is_anomalous else ()) for each in TEST]
    write_list(tmp_path / "train.tsv", TRAIN)
    write_list(tmp_path / "test.tsv", spanned)
    rows = {video.video_id: rows_of(number, 8) for number, video in enumerate([*TRAIN, *TEST])}
    less = {video: each[: 8 - number % 2] for number, (video, each) in enumerate(rows.items())}
    for name, content in (("rgb", rows), ("flow", less), ("rgb-cut", less)):
        fill(tmp_path / name, content, modality=name.split("-")[0])
    return tmp_path


def command(folder, verb, *words, stores=("rgb", "flow")):
    given = [word for store in stores for word in ("--store", folder / store)]
    return run_cli(verb, *words, *given, "--device", "cpu")


@pytest.mark.slow
def test_the_run_remembers_how_its_stores_are_joined(unequal):
    train = ("--head", "mil", "--preset", "debug", "--list", unequal / "train.tsv", "--out")
    refused = command(unequal, "train", *train, unequal / "refused")
    assert refused.exit_code == 2 and "--join cut, --join time" in refused.output
    done = command(unequal, "train", *train, unequal / "run", "--join", "cut")
    assert done.exit_code == 0 and "features joined by the shorter" in done.output, done.output
    by_hand = command(unequal, "train", *train, unequal / "hand", stores=("rgb-cut", "flow"))
    assert by_hand.exit_code == 0, by_hand.output
    assert_same(*(load_checkpoint(unequal / name / "seed_0") for name in ("run", "hand")))
    test = ("--list", unequal / "test.tsv", "--resamples", "0", "--json", unequal / "out.json")
    found = command(unequal, "evaluate", unequal / "run", *test, stores=("flow", "rgb"))
    assert found.exit_code == 0 and "joined by the shorter; the longer one loses" in found.output, (
        found.output
    )
    values = json.loads((unequal / "out.json").read_text())
    assert values["details"]["config"]["data"]["segments"]["join"] == "cut"
    assert command(unequal, "evaluate", unequal / "run", *test, "--join", "exact").exit_code == 2
    timed = command(unequal, "evaluate", unequal / "run", *test, "--join", "time")
    assert timed.exit_code == 0 and "joined by time" in timed.output, timed.output
