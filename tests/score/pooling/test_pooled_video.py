"""Stores read in blocks and by several processes: the bits of one process that reads every video at once."""

import os
import signal
import subprocess

import h5py
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from data_lists import Video
from extract.store import FeatureStore, StoreError
from score.bags import free_memory
from score.bags.cache import read_cache
from score.leakage.fingerprints import Collector
from score.pooling import pool_processes
from score.pooling.pool_processes import choose_workers
from score.pooling.pooled_video import blocks, pooled_video
from score.pooling.rules import SegmentsConfig, num_instances, part_bounds, pool
from support.tiny_stores import make_features, make_spec, make_store, make_videos

CLASSES = ("Normal", "Fight")
WAYS = [
    SegmentsConfig(),
    SegmentsConfig(n=3, rule="sultani", changes="add"),
    SegmentsConfig(mode="uniform", n=40, changes="only", centre="video"),
    SegmentsConfig(mode="crop", centre="video", changes="add"),
    SegmentsConfig(n=50, short="keep"),
]


@pytest.fixture(scope="module")
def stores(tmp_path_factory):
    """Two modalities, one of them half precise, with three crops; from one segment to more than a block."""
    stores = []
    random = np.random.default_rng(0)
    for modality, dtype in (("rgb", "float32"), ("flow", "float16")):
        spec = make_spec(modality=modality, dtype=dtype, num_crops=3, crops="three")
        store = FeatureStore.create(tmp_path_factory.mktemp(modality), spec)
        for number, length in enumerate([1, 2, 40, 63, 64, 65, 333]):
            store.write(make_features(f"v{number}", random.normal(5.0, 3.0, size=(length, 3, 6))))
        stores.append(store)
    return stores


def read(stores, video_id, segments, **options):
    """(instances by modality, what else is known of the video)"""
    instances = {}

    def place(num_segments):
        dim = 12 if segments.changes == "add" else 6
        for store in stores:
            shape = (num_instances(num_segments, segments), 3, dim)
            instances[store.spec.modality] = np.full(shape, np.nan, np.float32)
        return instances

    return instances, pooled_video(stores, video_id, segments, place=place, moments=True, **options)


@pytest.mark.parametrize("segments", WAYS, ids=str)
def test_blocks_change_no_bit_of_the_instances(stores, segments):
    for number in range(7):
        unblocked, known = read(stores, f"v{number}", segments)
        parts, blocked = read(stores, f"v{number}", segments, block=1)  # 64 segments at a time
        for modality in unblocked:
            assert np.array_equal(parts[modality], unblocked[modality])
            assert np.isfinite(unblocked[modality]).all()
        assert np.array_equal(blocked.time_bins, known.time_bins)
        for one, other in (
            (blocked.crop_moments, known.crop_moments),
            (blocked.moments["rgb"], known.moments["rgb"]),
        ):
            assert one.count == other.count
            np.testing.assert_allclose(one.mean, other.mean, rtol=1e-12, atol=1e-12)
            np.testing.assert_allclose(one.squares, other.squares, rtol=1e-10)


def test_blocks_are_really_read_one_after_another(stores, monkeypatch):
    sizes = []
    monkeypatch.setattr(
        "score.pooling.pooled_video.pool",
        lambda rows, *a, **k: sizes.append(len(rows)) or pool(rows, *a, **k),
    )
    read(stores[:1], "v6", SegmentsConfig(), block=1)
    assert sum(sizes) == 333 and max(sizes) <= 64 and len(sizes) > 5


@given(
    num_segments=st.integers(1, 3000),
    n=st.integers(1, 70),
    most=st.integers(1, 500),
    rule=st.sampled_from(["floor", "sultani"]),
    mode=st.sampled_from(["mean", "uniform", "none"]),
)
@settings(max_examples=150, deadline=None)
def test_blocks_cover_a_video_and_cut_no_instance(num_segments, n, most, rule, mode):
    segments = SegmentsConfig(mode=mode, n=n, rule=rule)
    found = list(blocks(num_segments, segments, most))
    assert found[0][0] == 0 and found[-1][1] == num_segments
    assert all(stop == start for (_, stop), (start, _) in zip(found, found[1:], strict=False))
    longest = most
    if mode == "mean":
        parts = part_bounds(num_segments, n, rule=rule)
        longest = max(
            most, (parts[:, 1] - parts[:, 0]).max() + 1
        )  # sultani's last part has a segment behind it
        for start, _ in found[1:]:
            assert not ((parts[:, 0] < start) & (parts[:, 1] > start)).any()
    assert max(stop - start for start, stop in found) <= longest


def cached(stores, videos, segments, **options):
    """Every number that training takes from stores."""
    collector = Collector()
    cache, moments = read_cache(
        stores,
        videos,
        segments=segments,
        event_classes=CLASSES,
        moments=True,
        on_video=collector.add,
        **options,
    )
    found = {name: rows.numpy() for name, rows in cache.features.items()}
    found |= {name: getattr(cache, name).numpy() for name in ("start", "length", "label", "event_class")}
    found |= {"segments": np.array(cache.num_segments)}
    for name, each in moments.items():
        found |= {f"{name} mean": each.mean, f"{name} squares": each.squares}
    known = collector.finish()
    return found | {
        "mean": known.mean,
        "deviation": known.deviation,
        "steps": np.stack([each.steps for each in known.traces]),
    }


@pytest.mark.slow
def test_any_number_of_processes_reads_the_same_bits(stores):
    videos = [Video(f"v{number}", CLASSES[number % 2]) for number in (3, 0, 6, 1, 5, 2, 4)]
    for segments, workers in ((WAYS[1], 3), (WAYS[3], 2)):
        expected, found = (cached(stores, videos, segments, workers=each) for each in (1, workers))
        assert found.keys() == expected.keys()
        assert all(np.array_equal(found[name], expected[name]) for name in expected)


def test_all_damaged_files_are_named_by_any_number_of_processes(tmp_path):
    videos = make_videos(3, 3)
    store = make_store(tmp_path / "store", videos)
    for video_id in ("a1", "n2"):
        path = store.path(video_id)
        content = bytearray(path.read_bytes())
        with h5py.File(path) as file:
            content[file["features"].id.get_chunk_info(0).byte_offset] ^= 1
        path.write_bytes(content)
    said = []
    for workers in (1, 2):
        with pytest.raises(StoreError, match="n2.h5 is damaged.*\n.*a1.h5 is damaged") as error:
            read_cache([store], videos, segments=SegmentsConfig(), event_classes=CLASSES, workers=workers)
        said.append(str(error.value))
    assert said[0] == said[1] and len(said[0].splitlines()) == 2


@pytest.mark.parametrize("deaths", [1, 2])
@pytest.mark.slow
def test_a_video_whose_process_dies_twice_is_named_and_no_process_is_left(tmp_path, monkeypatch, deaths):
    videos = make_videos(3, 3)
    store = make_store(tmp_path / "store", videos)
    started, killed = [], []
    plain, give = subprocess.Popen, pool_processes._Worker.give

    def start(*arguments, **options):
        started.append(plain(*arguments, **options))
        return started[-1]

    def kill(self, number, video_id):
        if video_id == "a1" and len(killed) < deaths:
            # Before it gets the video, so that it cannot have answered; with one queued, a1 is all it has.
            os.kill(self._process.pid, signal.SIGKILL)
            killed.append(self._process.wait())
        give(self, number, video_id)

    monkeypatch.setattr(subprocess, "Popen", start)
    monkeypatch.setattr(pool_processes._Worker, "give", kill)
    monkeypatch.setattr(pool_processes, "QUEUED", 1)
    options = dict(segments=SegmentsConfig(), event_classes=CLASSES)
    if deaths == 1:
        found, expected = (read_cache([store], videos, workers=each, **options)[0] for each in (2, 1))
        assert all(rows.equal(expected.features[name]) for name, rows in found.features.items())
    else:
        with pytest.raises(
            StoreError, match="^a1: the processes .* died, .* killed by SIGKILL; .*$"
        ) as error:
            read_cache([store], videos, workers=2, **options)
        assert len(str(error.value).splitlines()) == 1
    assert len(started) == 2 + deaths and all(process.poll() is not None for process in started)


def test_small_stores_start_no_process(tmp_path, monkeypatch):
    videos = make_videos(2, 2)
    store = make_store(tmp_path / "store", videos)
    names = [video.video_id for video in videos]
    assert choose_workers([store], names) == 1
    monkeypatch.setattr(pool_processes, "BYTES_PER_WORKER", 1)
    assert choose_workers([store], names) == min(len(os.sched_getaffinity(0)), 4)


def test_what_does_not_fit_into_memory_is_refused_with_what_would(tmp_path, monkeypatch):
    videos = make_videos(2, 2)
    store = make_store(tmp_path / "store", videos)
    count = sum(store.header(video.video_id).num_segments for video in videos)
    free = 4 * 6 * count
    monkeypatch.setattr(free_memory, "free_memory", lambda: free - 1)
    with pytest.raises(
        StoreError, match=rf"{count} instances of 4 videos take 0.0 GB .* data.segments.mode=mean"
    ):
        read_cache([store], videos, segments=SegmentsConfig(mode="none"), event_classes=CLASSES)
    monkeypatch.setattr(free_memory, "free_memory", lambda: free)
    read_cache([store], videos, segments=SegmentsConfig(mode="none"), event_classes=CLASSES)
