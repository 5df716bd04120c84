"""A packed store reads like the folder it came from."""

import h5py
import numpy as np
import pytest
from test_store import SPEC, video

from extract.store import FeatureStore, StoreError
from extract.store.index import StoreIndex
from extract.store.packing import pack, unpack


@pytest.fixture
def store(tmp_path):
    store = FeatureStore.create(tmp_path / "store", SPEC, batch_shape=(2, 3))
    for number, name in enumerate(("b", "x/y", "x/z.1")):
        store.write(video(name, segments=3 + number, seed=number))
    return store


def same(one, other) -> bool:
    return all(
        np.array_equal(getattr(one.read(name), array), getattr(other.read(name), array))
        for name in one.ids()
        for array in ("features", "frame_span", "time_span")
    )


def test_packing_and_unpacking_loses_nothing(store, tmp_path):
    assert pack(store.root, tmp_path / "one.h5") == 3
    packed = FeatureStore(tmp_path / "one.h5")
    assert packed.ids() == store.ids() and packed.spec == store.spec and packed.batch_shape == (2, 3)
    assert "x/y" in packed and "x" not in packed and same(store, packed)
    assert packed.header("b").decode == store.header("b").decode
    assert unpack(tmp_path / "one.h5", tmp_path / "again") == 3
    assert same(store, FeatureStore(tmp_path / "again"))
    assert unpack(tmp_path / "one.h5", tmp_path / "again") == 0


def test_the_shares_of_packed_videos_add_up_to_the_file(store, tmp_path):
    target, videos = tmp_path / "one.h5", 3
    pack(store.root, target)
    while target.stat().st_size % videos == 0:
        with target.open("ab") as file:
            file.write(b"\0")
    with StoreIndex(FeatureStore(target)) as index:
        totals = index.totals()
    assert (totals["videos"], totals["bytes"]) == (videos, target.stat().st_size)


def test_a_damaged_file_stops_packing_and_leaves_no_target(store, tmp_path):
    path = store.path("x/y")
    path.write_bytes(path.read_bytes()[:-200])
    with pytest.raises(StoreError, match="damaged"):
        pack(store.root, tmp_path / "one.h5")
    assert [each.name for each in tmp_path.iterdir()] == ["store"]


def test_a_store_that_cannot_be_packed_is_refused(store, tmp_path):
    store.write(video("x"))
    with pytest.raises(StoreError, match="x/y lies below the video x"):
        pack(store.root, tmp_path / "one.h5")
    (tmp_path / "there.h5").write_text("")
    with pytest.raises(StoreError, match="exists"):
        pack(store.root, tmp_path / "there.h5")


def test_another_hdf5_file_is_not_a_store(tmp_path):
    with h5py.File(tmp_path / "other.h5", "w") as file:
        file["x"] = np.zeros(3)
    with pytest.raises(StoreError, match="does not describe a feature store"):
        FeatureStore(tmp_path / "other.h5")


def test_a_packed_store_is_read_only(store, tmp_path):
    pack(store.root, tmp_path / "one.h5")
    with pytest.raises(StoreError, match="read-only"):
        FeatureStore(tmp_path / "one.h5").write(video("new"))
