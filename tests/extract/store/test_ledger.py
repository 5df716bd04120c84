"""What was made or probed is remembered for later programs of this user, where nobody else can write."""

from __future__ import annotations

import os

import pytest

from extract.runtime.foreign.ledger import LEDGER_FILE, Ledger, digest_of, state_folder
from extract.store import probing
from support.tiny_stores import make_store, make_videos

DIGEST = digest_of("a", 1)


def test_what_one_process_adds_another_knows(tmp_path):
    first = Ledger(lambda: tmp_path)
    first.add(DIGEST)
    first.flush()
    second = Ledger(lambda: tmp_path)
    assert DIGEST in second and digest_of("a", 2) not in second and digest_of("a1") != DIGEST


@pytest.mark.parametrize("damage", ["garbage", "pipe", "link", "folder", "open to all", "no folder"])
def test_a_ledger_that_is_not_ours_is_not_believed(tmp_path, damage):
    kept = Ledger(lambda: tmp_path)
    kept.add(DIGEST)
    kept.flush()
    place, folder = tmp_path / LEDGER_FILE, tmp_path
    elsewhere = place.rename(tmp_path / "elsewhere.sqlite")
    if damage == "garbage":
        place.write_bytes(b"no database" * 1000)
    elif damage == "pipe":
        os.mkfifo(place)
    elif damage == "link":
        place.symlink_to(elsewhere)
    elif damage == "folder":
        place.mkdir()
    elif damage == "open to all":
        elsewhere.rename(place).chmod(0o666)
    else:
        folder = None
    ledger = Ledger(lambda: folder)
    assert DIGEST not in ledger
    ledger.add(DIGEST)
    ledger.flush()
    assert DIGEST in ledger
    assert (DIGEST in Ledger(lambda: folder)) == (damage == "garbage")  # is made again


def test_a_folder_that_others_can_write_to_is_no_state_folder(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert state_folder() == tmp_path / "vad-pipeline"
    (tmp_path / "vad-pipeline").chmod(0o777)
    assert state_folder() is None
    monkeypatch.setenv("XDG_CACHE_HOME", "/proc/none")
    assert state_folder() is None


def test_only_files_that_we_did_not_write_are_probed_and_only_once(tmp_path, monkeypatch):
    store = make_store(tmp_path / "store", make_videos(2, 1))
    probed = []
    plain = probing.in_sandbox

    def in_sandbox(function, path, *values, **options):
        probed.append(path.name)
        return plain(function, path, *values, **options)

    monkeypatch.setattr("extract.store.probing.in_sandbox", in_sandbox)
    store.read("n0")
    assert probed == []
    store.path("n1").write_bytes(store.path("n1").read_bytes())
    store.read("n1")
    store.header("n1")
    assert probed == ["n1.h5"]
