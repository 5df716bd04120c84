"""What a run learns of a store before its first video: the same as at first, at less cost the next time."""

from __future__ import annotations

import os
import time

import numpy as np
import pytest

from extract.runtime.foreign.ledger import Ledger
from extract.store import FeatureStore, local_files
from extract.store.store_files import blocks_of
from support.tiny_stores import make_features, make_spec


@pytest.fixture
def store(tmp_path, monkeypatch) -> FeatureStore:
    monkeypatch.setattr(local_files, "SETTLED_NANOSECONDS", 0)
    store = FeatureStore.create(tmp_path / "store", make_spec())
    for number in range(6):
        add(store, f"day{number % 2}/v{number}", number + 1)
    time.sleep(0.02)  # more than a tick of the file system's clock
    return store


def add(store: FeatureStore, video_id: str, segments: int) -> None:
    store.write(make_features(video_id, np.random.default_rng(segments).normal(size=(segments, 6))))


@pytest.fixture
def opened(monkeypatch) -> list[str]:
    """Names of the files whose first bytes were read."""
    names: list[str] = []
    plain = local_files._head
    monkeypatch.setattr(
        local_files, "_head", lambda name, *folder: names.append(name) or plain(name, *folder)
    )
    return names


def test_files_are_opened_once_and_again_with_their_block_after_a_change(store, opened):
    expected = set(store.ids()), set()
    assert store.scan() == expected and len(opened) == 6
    assert store.scan() == expected and len(opened) == 6
    add(store, "day1/new", 3)
    assert store.scan() == (expected[0] | {"day1/new"}, set())
    assert sorted(opened[6:]) == ["new.h5", "v1.h5", "v3.h5", "v5.h5"]


def test_a_damaged_file_is_named_each_time(store, opened):
    os.truncate(store.path("day1/v3"), 900)
    assert [store.scan()[1] for _ in range(3)] == [{"day1/v3"}] * 3
    assert opened.count("v3.h5") >= 3 and opened.count("v0.h5") == 1


def test_bytes_that_change_under_their_size_and_times_are_seen(store):
    path = store.path("day0/v2")
    assert store.scan()[1] == set()
    times = path.stat()
    with path.open("r+b") as file:
        file.write(b"no HDF5")
    os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))
    assert store.scan()[1] == {"day0/v2"}


def test_a_file_that_changed_just_now_is_looked_at_again(store, opened, monkeypatch):
    monkeypatch.setattr(local_files, "SETTLED_NANOSECONDS", 60_000_000_000)
    for _ in range(2):
        assert store.scan()[1] == set()
    assert len(opened) == 12


def test_a_link_to_a_file_of_the_store_is_as_complete_as_the_file(store):
    (store.root / "link.h5").symlink_to(store.path("day1/v3"))
    assert store.scan() == (set(store.ids()), set()) and "link" in store.ids()
    os.truncate(store.path("day1/v3"), 900)
    assert store.scan()[1] == {"link", "day1/v3"}


@pytest.mark.parametrize("kind", ["gone", "led out"])
def test_files_of_a_folder_that_is_no_longer_in_the_store_are_not_complete(store, tmp_path, kind):
    folder = store.root / "day0"
    [block] = [each for each in store.blocks() if each.prefix == "day0/"]
    folder.rename(tmp_path / "elsewhere")
    if kind == "led out":
        folder.symlink_to(tmp_path / "elsewhere")
    assert sorted(store.files.incomplete(block)) == ["day0/v0.h5", "day0/v2.h5", "day0/v4.h5"]


def test_without_a_place_for_the_ledger_every_file_is_opened(store, opened, monkeypatch):
    for _ in range(2):
        monkeypatch.setattr(local_files, "LEDGER", Ledger(lambda: None))
        assert store.scan() == (set(store.ids()), set())
    assert len(opened) == 12


@pytest.mark.parametrize("seed", range(3))
def test_a_scan_that_followed_every_change_equals_a_first_one(store, monkeypatch, seed):
    monkeypatch.setattr("extract.store.store_files.BLOCK_FILES", 2)
    random = np.random.default_rng(seed)
    for _ in range(8):
        names, number = sorted(store.ids()), int(random.integers(12))
        chosen, other = f"day{number % 3}/v{number}", str(random.choice(names))
        kind = random.choice(["write", "copy", "remove", "rename", "link", "cut", "overwrite", "restore"])
        if kind == "write":
            add(store, chosen, number % 5 + 1)
        elif kind == "copy" and store.path(chosen).parent.is_dir() and chosen != other:
            store.path(chosen).write_bytes(store.path(other).read_bytes())
        elif kind == "remove" and len(names) > 2:
            store.path(other).unlink()
        elif kind == "rename" and store.path(chosen).parent.is_dir():
            store.path(other).rename(store.path(chosen))
        elif kind == "link" and not os.path.lexists(store.root / f"link{number}"):
            (store.root / f"link{number}").symlink_to(store.root / "day1")
        elif kind == "cut":
            os.truncate(store.path(other), store.path(other).stat().st_size - 7)
        elif kind == "overwrite":  # with as many bytes
            store.path(other).write_bytes(bytes(store.path(other).stat().st_size))
        elif kind == "restore":
            times = store.path(other).stat()
            store.path(other).write_bytes(b"\x89HDF")
            os.utime(store.path(other), ns=(times.st_atime_ns, times.st_mtime_ns))
        time.sleep(0.02)
        followed = store.scan()
        with monkeypatch.context() as patch:
            patch.setattr(local_files, "LEDGER", Ledger(lambda: None))
            assert store.scan() == followed


@pytest.mark.parametrize("name", ["day0/a\nb", "a\nday0/v0", "x\n"])
def test_a_name_with_a_line_break_is_refused_beside_plain_ones(store, name):
    expected = store.ids()
    (store.root / f"{name}.h5").parent.mkdir(exist_ok=True)
    (store.root / f"{name}.h5").write_bytes(store.path("day0/v0").read_bytes())
    problems: list[str] = []
    assert store.ids(problems.append) == expected == sorted(store.scan()[0])
    assert len(problems) == 1 and "control characters" in problems[0]
    with pytest.raises(ValueError, match="control characters"):
        store.remove_stale(among=["day0/v0", name])


def test_blocks_of_different_folders_have_different_names(monkeypatch):
    monkeypatch.setattr("extract.store.store_files.BLOCK_FILES", 1)
    rows = [("a.h5", 1), ("b.h5", 1)]
    names = [
        block.name
        for prefix in ("", "/", "a/", "a//", "a/0/", "0/")
        for block in blocks_of(prefix, rows, str)
    ]
    assert len(set(names)) == len(names) == 12
