"""A store at an address: the same files as in a folder, despite a network that fails."""

from __future__ import annotations

import json
import random
import shutil
import uuid
from dataclasses import replace
from pathlib import Path

import fsspec
import numpy as np
import pytest
from click.testing import CliRunner
from fsspec.implementations.memory import MemoryFileSystem

from data_lists import Video, write_list
from extract.cli import main as extract_cli
from extract.store import FeatureStore, StoreError
from extract.store.failures import Failure, read_failures, write_failures
from extract.store.index import StoreIndex
from score.cli import main
from support import video_corpus
from support.tiny_stores import make_features, make_spec, make_store, make_videos


def features_of(video_id: str, *, segments: int = 3):
    return make_features(video_id, np.random.default_rng(segments).normal(size=(segments, 6)))


class HttpError(Exception):
    """As some storages have: no OSError."""


class FlakyFileSystem(MemoryFileSystem):
    """Storage that fails one call in ten, before or after it does its work."""

    protocol = "flaky"
    dice = random.Random(0)
    failures = 0

    @classmethod
    def _strip_protocol(cls, path):
        return super()._strip_protocol(path.replace("flaky://", "memory://"))


def _flaky(name: str):
    def call(self, *arguments, **options):
        roll = FlakyFileSystem.dice.random()
        FlakyFileSystem.failures += roll < 0.1
        if roll < 0.02:
            raise HttpError(f"{name}: 503")
        if roll < 0.05:
            raise ConnectionError(f"{name} was cut off")
        result = getattr(super(FlakyFileSystem, self), name)(*arguments, **options)
        if roll < 0.1:
            raise TimeoutError(f"the answer to {name} was lost")
        return result

    return call


for _name in ("put_file", "get_file", "mv", "rm_file", "isfile", "size", "find", "cat_file"):
    setattr(FlakyFileSystem, _name, _flaky(_name))
fsspec.register_implementation("flaky", FlakyFileSystem, clobber=True)


@pytest.fixture(params=["memory", "flaky", "objects", "file"])
def address(request, tmp_path, monkeypatch) -> str:
    monkeypatch.setenv("VAD_STORE_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr("extract.store.remote_files.FIRST_WAIT_SECONDS", 1e-4)
    if request.param == "file":
        return f"file://{tmp_path}/bucket/features"
    if request.param == "objects":  # a put is atomic there, so no second name is needed
        monkeypatch.setattr("extract.store.remote_files.OBJECT_STORES", {"flaky"})
        monkeypatch.setattr(FlakyFileSystem, "mv", lambda *_: pytest.fail("objects have no cheap rename"))
        return f"flaky://{uuid.uuid4().hex}/features"
    return f"{request.param}://{uuid.uuid4().hex}/features"


def test_written_videos_are_read_back(address):
    store = FeatureStore.create(address, make_spec(), batch_shape=(2,))
    videos = [features_of(f"day{number % 3}/v{number}", segments=number + 1) for number in range(12)]
    for video in videos:
        store.write(video)
    again = FeatureStore(address)
    assert again.spec == store.spec and again.batch_shape == (2,)
    assert (
        again.ids() == sorted(video.video_id for video in videos)
        and "day0/v0" in again
        and "day0/v1" not in again
    )
    for video in videos:
        read = again.verify(video.video_id)
        assert np.array_equal(read.features, video.features) and np.array_equal(
            read.frame_span, video.frame_span
        )
    assert again.scan() == (set(again.ids()), set())


def test_no_partial_file_is_left(address):
    store = FeatureStore.create(address, make_spec())
    store.write(features_of("v"))
    storage, base = fsspec.core.url_to_fs(address.replace("flaky://", "memory://"))
    assert sorted(path.rpartition("/")[2] for path in storage.find(base)) == ["store.json", "v.h5"]


def test_a_replaced_file_is_fetched_again(address):
    store = FeatureStore.create(address, make_spec())
    store.write(features_of("v", segments=2))
    assert store.read("v").num_segments == 2
    store.write(features_of("v", segments=5))
    assert FeatureStore(address).read("v").num_segments == 5


def test_old_copies_are_removed_for_new_ones_on_a_full_disk(tmp_path, monkeypatch):
    cache = tmp_path / "cache"
    monkeypatch.setenv("VAD_STORE_CACHE", str(cache))
    store = FeatureStore.create(f"file://{tmp_path}/bucket", make_spec())
    for number in range(6):
        store.write(features_of(f"v{number}"))
    size = store.files.size("v0.h5")

    def disk(_folder):  # that holds three copies
        return shutil._ntuple_diskusage(
            0, 0, int(3.5 * size) - sum(path.stat().st_size for path in cache.iterdir())
        )

    monkeypatch.setattr("extract.store.remote_files.shutil.disk_usage", disk)
    monkeypatch.setattr("extract.store.remote_files.SPARE_BYTES", 0)
    for number in range(3):
        store.read(f"v{number}")
    with pytest.raises(
        StoreError, match="v3: cannot be read from file://.* does not fit into .*VAD_STORE_CACHE"
    ):
        store.read("v3")  # the three may be in use
    monkeypatch.setattr("extract.store.remote_files.IN_USE_SECONDS", 0.0)
    store.read("v0")  # is now the one that was used last
    for number in range(3, 6):
        assert np.array_equal(store.read(f"v{number}").features, features_of("v").features)
        assert len(list(cache.iterdir())) == 3
    with StoreIndex(store) as index:
        assert index.totals()["videos"] == 6
    assert any(path.name.endswith(".sqlite") for path in cache.iterdir())


def test_another_spec_and_missing_videos_are_refused(address):
    store = FeatureStore.create(address, make_spec())
    with pytest.raises(StoreError, match="extracted with other settings"):
        FeatureStore.create(address, make_spec(clip_length=48))
    with pytest.raises(StoreError, match="not in the store"):
        store.read("absent")
    with pytest.raises(StoreError, match="no feature store"):
        FeatureStore(address + "/nothing")


def test_failures_and_the_index_work_at_an_address(address):
    store = FeatureStore.create(address, make_spec())
    write_failures(store, [Failure("x", "decode", "broken", ("line",))])
    write_failures(store, [Failure("y", "decode", "gone")], others={"x", "z"})  # another job of an array
    assert read_failures(store) == [
        Failure("x", "decode", "broken", ("line",)),
        Failure("y", "decode", "gone"),
    ]
    write_failures(store, [], others={"y", "z"})
    assert read_failures(store) == [Failure("y", "decode", "gone")]
    store.write(features_of("y"))
    write_failures(store, [], others={"y", "x"})
    assert read_failures(store) == []
    write_failures(store, [Failure("x", "decode", "broken")])
    write_failures(store, [])
    assert read_failures(store) == []
    store.write(features_of("a", segments=3))
    store.write(features_of("b", segments=4))
    with StoreIndex(store) as index:
        assert index.totals()["videos"] == 3 and index.totals()["segments"] == 10
    with StoreIndex(store) as index:
        assert [problem for _, problem in index.verify(again=True)] == ["", "", ""]


@pytest.mark.parametrize("error", [ConnectionError("gone"), HttpError("gone")])
def test_unreachable_storage_is_one_line(monkeypatch, error):
    monkeypatch.setattr("extract.store.remote_files.FIRST_WAIT_SECONDS", 1e-4)
    store = FeatureStore.create(f"flaky://{uuid.uuid4().hex}/s", make_spec())

    def fail(*_arguments, **_options):
        raise error

    monkeypatch.setattr(FlakyFileSystem, "put_file", fail)
    with pytest.raises(StoreError, match="v: cannot be written to flaky://.*: .*gone"):
        store.write(features_of("v"))
    assert store.ids() == []


@pytest.mark.parametrize("error, calls", [(ConnectionError("away"), 9), (PermissionError("no"), 1)])
def test_only_errors_that_may_pass_are_tried_again(monkeypatch, error, calls):
    monkeypatch.setattr("extract.store.remote_files.FIRST_WAIT_SECONDS", 1e-4)
    store, made = FeatureStore.create(f"memory://{uuid.uuid4().hex}/s", make_spec()), []

    def fail(*_arguments, **_options):
        made.append(1)
        raise error

    monkeypatch.setattr(MemoryFileSystem, "info", fail)
    with pytest.raises(StoreError, match="v.h5 cannot be inspected"):
        store.scan(among=["v"])
    assert len(made) == calls


def test_an_interruption_is_not_tried_again(monkeypatch):
    store, made = FeatureStore.create(f"memory://{uuid.uuid4().hex}/s", make_spec()), []

    def stop(*_arguments, **_options):
        made.append(1)
        raise KeyboardInterrupt

    monkeypatch.setattr(MemoryFileSystem, "info", stop)
    with pytest.raises(KeyboardInterrupt):
        store.scan(among=["v"])
    assert len(made) == 1


def test_the_flaky_storage_failed_often():
    assert FlakyFileSystem.failures > 10


def test_of_two_jobs_that_create_a_store_at_once_one_decides_the_batch_shape(monkeypatch):
    monkeypatch.setattr("extract.store.remote_files.OBJECT_STORES", {"memory"})
    address = f"memory://{uuid.uuid4().hex}/s"
    FeatureStore.create(address, make_spec(), batch_shape=(8,))
    from extract.store.remote_files import RemoteFiles

    plain, asked = RemoteFiles.read_text, []
    monkeypatch.setattr(
        RemoteFiles, "read_text", lambda self, name: plain(self, name) if asked else asked.append(name)
    )
    assert FeatureStore.create(address, make_spec(), batch_shape=(16,)).batch_shape == (8,)
    assert asked == ["store.json"]  # the second one saw nothing there


def test_an_unknown_protocol_is_one_line():
    with pytest.raises(ValueError, match="nowhere://x"):
        FeatureStore("nowhere://x")


@pytest.mark.slow
def test_an_address_trains_and_evaluates_like_a_folder(tmp_path, monkeypatch):
    monkeypatch.setenv("VAD_STORE_CACHE", str(tmp_path / "cache"))
    test = [
        replace(video, anomaly_spans=((32, 64),) if video.is_anomalous else ())
        for video in make_videos(3, 3, prefix="test/")
    ]
    train, folder = make_videos(4, 4), tmp_path / "bucket" / "made"
    make_store(folder, [*train, *test])
    for name, videos in (("train.tsv", train), ("test.tsv", test)):
        write_list(tmp_path / name, videos)
    aucs = []
    for store in (str(folder), f"file://{folder}"):
        run = tmp_path / f"run{len(aucs)}"
        trained = [
            "train",
            "--head",
            "mil",
            "--store",
            store,
            "--list",
            str(tmp_path / "train.tsv"),
            "--out",
            str(run),
        ]
        trained += ["--set", "train.epochs=1", "--device", "cpu", "--workers", str(1 + len(aucs))]
        evaluated = [
            "evaluate",
            str(run),
            "--store",
            store,
            "--list",
            str(tmp_path / "test.tsv"),
            "--json",
            f"{run}.json",
        ]
        for command in (trained, [*evaluated, "--resamples", "20", "--device", "cpu"]):
            result = CliRunner().invoke(main, command)
            assert result.exit_code == 0, result.output
        aucs.append(json.loads(Path(f"{run}.json").read_text())["frame_auc"])
    assert aucs[0] == aucs[1] and len(list((tmp_path / "cache").iterdir())) == 14


@pytest.mark.slow
def test_one_device_and_two_extract_the_same_to_an_address_and_a_folder(tmp_path, monkeypatch):
    monkeypatch.setenv("VAD_STORE_CACHE", str(tmp_path / "cache"))
    videos, listing = tmp_path / "videos", tmp_path / "list.tsv"
    videos.mkdir()
    for number in range(3):
        video_corpus.write_video(videos / f"v{number}.mp4", 40 + 10 * number)
    write_list(listing, [Video(f"v{number}") for number in range(3)])
    run = ["run", "--preset", "motion", "--videos", str(videos), "--list", str(listing), "--workers", "1"]

    def extract(store: str, *options: str) -> str:
        result = CliRunner().invoke(extract_cli, [*run, "--store", store, *options])
        assert result.exit_code == 0, result.output
        return result.output

    extract(f"{tmp_path}/folder")
    address = f"file://{tmp_path}/bucket/features"
    assert "3 extracted" in extract(address, "--devices", "cpu,cpu")
    (tmp_path / "bucket" / "features" / "v1.h5").unlink()
    assert "1 extracted, 2 already there" in extract(address)
    assert "0 extracted, 3 already there" in extract(address, "--devices", "cpu,cpu")
    for number in range(3):
        ours, theirs = (
            FeatureStore(address).read(f"v{number}"),
            FeatureStore(tmp_path / "folder").read(f"v{number}"),
        )
        np.testing.assert_array_equal(ours.features, theirs.features)
    assert not list((tmp_path / "bucket").rglob("*.partial"))
