"""A store at an address: the same files as in a folder, whatever the network drops."""
from __future__ import annotations

import random
import uuid

import fsspec
import numpy as np
import pytest
from fsspec.implementations.memory import MemoryFileSystem
from made_stores import make_features, make_spec

from extract.failures import Failure, read_failures, write_failures
from extract.index import StoreIndex
from extract.store import FeatureStore, StoreError


def features_of(video_id: str, *, segments: int = 3):
    return make_features(video_id, np.random.default_rng(segments).normal(size=(segments, 6)))


class FlakyFileSystem(MemoryFileSystem):
    """Storage that fails one call in ten, before or after doing what it was asked."""

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


@pytest.fixture(params=["memory", "flaky", "file"])
def address(request, tmp_path, monkeypatch) -> str:
    monkeypatch.setenv("VAD_STORE_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr("extract.remote_files.FIRST_WAIT_SECONDS", 1e-4)
    if request.param == "file":
        return f"file://{tmp_path}/bucket/features"
    return f"{request.param}://{uuid.uuid4().hex}/features"


def test_what_is_put_there_comes_back(address):
    store = FeatureStore.create(address, make_spec(), batch_shape=(2,))
    videos = [features_of(f"day{number % 3}/v{number}", segments=number + 1) for number in range(12)]
    for video in videos:
        store.write(video)
    again = FeatureStore(address)
    assert again.spec == store.spec and again.batch_shape == (2,)
    assert again.ids() == sorted(video.video_id for video in videos) and "day0/v0" in again and "day0/v1" not in again
    for video in videos:
        read = again.verify(video.video_id)
        assert np.array_equal(read.features, video.features) and np.array_equal(read.frame_span, video.frame_span)
    assert again.scan() == (set(again.ids()), set())


def test_half_a_file_never_has_a_name(address):
    store = FeatureStore.create(address, make_spec())
    store.write(features_of("v"))
    names = [path.rpartition("/")[2] for path in store.files.storage.find(store.files.base)]
    assert sorted(names) == ["store.json", "v.h5"]


def test_a_file_that_was_replaced_is_read_anew(address):
    store = FeatureStore.create(address, make_spec())
    store.write(features_of("v", segments=2))
    assert store.read("v").num_segments == 2
    store.write(features_of("v", segments=5))
    assert FeatureStore(address).read("v").num_segments == 5


def test_another_spec_and_missing_videos_are_refused(address):
    store = FeatureStore.create(address, make_spec())
    with pytest.raises(StoreError, match="extracted with other settings"):
        FeatureStore.create(address, make_spec(clip_length=48))
    with pytest.raises(StoreError, match="not in the store"):
        store.read("absent")
    with pytest.raises(StoreError, match="no feature store"):
        FeatureStore(address + "/nothing")


def test_failures_and_the_index_work_there_too(address):
    store = FeatureStore.create(address, make_spec())
    write_failures(store, [Failure("x", "decode", "broken", ("line",))])
    assert read_failures(store) == [Failure("x", "decode", "broken", ("line",))]
    write_failures(store, [])
    assert read_failures(store) == []
    store.write(features_of("a", segments=3))
    store.write(features_of("b", segments=4))
    with StoreIndex(store) as index:
        assert index.totals()["videos"] == 2 and index.totals()["segments"] == 7
    with StoreIndex(store) as index:
        assert [problem for _, problem in index.verify(again=True)] == ["", ""]


def test_storage_that_stays_away_is_one_line(monkeypatch):
    monkeypatch.setattr("extract.remote_files.FIRST_WAIT_SECONDS", 1e-4)
    store = FeatureStore.create(f"flaky://{uuid.uuid4().hex}/s", make_spec())
    monkeypatch.setattr(FlakyFileSystem, "put_file", lambda self, *a, **k: (_ for _ in ()).throw(ConnectionError("gone")))
    with pytest.raises(StoreError, match="v: cannot be written to flaky://.*: gone"):
        store.write(features_of("v"))
    assert store.ids() == []


def test_the_storage_did_fail():
    assert FlakyFileSystem.failures > 10


def test_an_unknown_protocol_is_one_line():
    with pytest.raises(ValueError, match="nowhere://x"):
        FeatureStore("nowhere://x")
