"""The index of a store: correct after every change, cheap when nothing changed, and dispensable."""

from __future__ import annotations

import contextlib
import dataclasses
import json
import os
import signal
import sqlite3
import subprocess
import sys

import h5py
import numpy as np
import pytest
from click.testing import CliRunner

from extract.cli import main
from extract.runtime.foreign.ledger import Ledger
from extract.store import FeatureStore, header_summary
from extract.store.index import INDEX_FILE, StoreIndex
from extract.store.video_features import REMARKS
from support import hostile_parsers
from support.tiny_stores import make_features, make_spec


@pytest.fixture
def store(tmp_path) -> FeatureStore:
    store = FeatureStore.create(tmp_path / "store", make_spec())
    for number in range(4):
        add(store, f"day{number % 2}/v{number}", number + 1)
    return store


def add(store: FeatureStore, video_id: str, segments: int) -> None:
    store.write(make_features(video_id, np.random.default_rng(segments).normal(size=(segments, 6))))


def damage(store: FeatureStore, video_id: str) -> None:
    """Flip a bit of its features."""
    path = store.path(video_id)
    content = bytearray(path.read_bytes())
    with h5py.File(path) as file:
        content[file["features"].id.get_chunk_info(0).byte_offset] ^= 1
    path.write_bytes(content)


def totals(store: FeatureStore) -> dict[str, int]:
    with StoreIndex(store) as index:
        return index.totals()


def test_totals_are_sums_over_the_headers(store):
    assert totals(store) == {
        "videos": 4,
        "segments": 10,
        "frames": 160,
        "bytes": sum(path.stat().st_size for path in store.root.rglob("*.h5")),
    }
    assert (store.root / INDEX_FILE).is_file() and store.ids() == sorted(store.ids())


DECODES = {
    "sound": {"messages": 0, "complete": True, "header_num_frames": 16},
    "noisy": {"messages": 2},
    "part": {"complete": False},
    "gaps": {"missing_frames": 3},
    "jumps": {"clock": "1 jumps taken out"},
    "several": {"other_streams": [1]},
    "claims": {"header_num_frames": 99, "messages": 1},
    "heard": {"sound": {"stream": 1, "silent_segments": 0}},
    "late": {"sound": {"stream": 1, "silent_segments": 2}},
    "silent": {"sound": {"stream": None, "silent_segments": 3}},
}


def test_remarks_of_every_video_are_kept_and_shown(store):
    for name, decode in DECODES.items():
        features = make_features(name, np.ones((1, 6)))
        store.write(dataclasses.replace(features, decode=decode))
    expected = {
        "messages": ["claims", "noisy"],
        "incomplete": ["part"],
        "missing": ["gaps"],
        "clock": ["jumps"],
        "streams": ["several"],
        "header": ["claims"],
        "mute": ["silent"],
        "partly_mute": ["late"],
    }
    for _ in range(2):  # from the headers, then from the index
        with StoreIndex(store) as index:
            assert index.remarks() == expected
    shown = CliRunner().invoke(main, ["inspect", str(store.root)])
    assert shown.exit_code == 0
    for key, ids in expected.items():
        assert f"{len(ids)} video{'s' * (len(ids) > 1)} {REMARKS[key]}: {', '.join(ids)}" in shown.output
    given = json.loads(CliRunner().invoke(main, ["inspect", "--json", str(store.root)]).output)
    assert given["remarks"] == expected


def test_an_index_of_an_earlier_version_is_made_anew(store):
    with StoreIndex(store) as index:
        index._is_new = True
        index.rows.executescript("DROP INDEX remarked; ALTER TABLE videos DROP COLUMN remarks")
    with StoreIndex(store) as index:  # the digest is ours, so the file is opened and then replaced
        assert index.remarks()["clock"] == [] and len(index.ids()) == 4


def test_new_changed_and_removed_files_are_seen(store):
    totals(store)
    add(store, "new", 7)
    add(store, "day0/v0", 5)  # had one segment
    os.unlink(store.path("day1/v1"))  # had two
    assert totals(store)["segments"] == 10 + 7 + 4 - 2
    with StoreIndex(store) as index:
        assert index.ids() == store.ids()


@pytest.fixture
def opened(monkeypatch) -> list[str]:
    """Names of the files that were opened, by whatever process."""
    names: list[str] = []
    plain, alone = header_summary.in_sandbox, FeatureStore.header

    def in_sandbox(function, path, paths, *values, **options):
        names.extend(path.rpartition("/")[2].removesuffix(".h5") for path in paths)
        return plain(function, path, paths, *values, **options)

    monkeypatch.setattr(header_summary, "in_sandbox", in_sandbox)
    monkeypatch.setattr(FeatureStore, "header", lambda self, each: names.append(each) or alone(self, each))
    return names


def copied(store: FeatureStore, source: str, target: str) -> None:
    """As somebody else copies a file in."""
    store.path(target).parent.mkdir(exist_ok=True)
    store.path(target).write_bytes(store.path(source).read_bytes())


def test_files_that_we_wrote_are_not_opened_and_those_of_others_once(store, opened):
    assert totals(store)["segments"] == 10 and opened == []
    add(store, "new", 1)
    for name in ("x", "y"):
        copied(store, "day1/v1", name)
    assert totals(store)["segments"] == 10 + 1 + 2 + 2 and sorted(opened) == ["x", "y"]
    assert totals(store)["segments"] == 15 and len(opened) == 2
    (store.root / INDEX_FILE).unlink()
    store.path("new").touch()  # a changed state is another file
    assert totals(store)["segments"] == 15 and sorted(opened) == ["new", "x", "x", "y", "y"]


@pytest.mark.slow
def test_an_index_that_followed_every_change_equals_a_new_one(store, monkeypatch):
    monkeypatch.setattr("extract.store.store_files.BLOCK_FILES", 3)
    monkeypatch.setattr("extract.store.header_summary.FILES_PER_CALL", 2)
    random = np.random.default_rng(0)
    for step in range(5):
        for _ in range(random.integers(3, 12)):
            names, number = store.ids(), int(random.integers(30))
            chosen, other = f"day{number % 3}/v{number}", str(random.choice(names))
            kind = random.choice(["write", "copy", "remove", "rename", "link", "cut"])
            if kind == "write":
                add(store, chosen, number % 5 + 1)
            elif kind == "copy" and chosen != other:
                copied(store, other, chosen)
            elif kind == "remove" and len(names) > 2:
                store.path(other).unlink()
            elif kind == "rename" and store.path(chosen).parent.is_dir():
                store.path(other).rename(store.path(chosen))
            elif kind == "link" and not os.path.lexists(store.root / f"link{number}"):
                (store.root / f"link{number}").symlink_to(store.root / "day1")
            elif kind == "cut":
                os.truncate(store.path(other), store.path(other).stat().st_size - 7)
        with StoreIndex(store) as index:
            followed, sums = rows_of(index), (index.totals(), index.decoders(), index.remarks())
        with monkeypatch.context() as patch:
            patch.setattr("extract.store.header_summary.FILES_PER_CALL", 50)
            for module in ("index", "probing", "header_summary"):
                patch.setattr(f"extract.store.{module}.LEDGER", Ledger(lambda: None))
            patch.setattr("extract.store.index.INDEX_FILE", f"new{step}.sqlite")
            with StoreIndex(store) as index:
                assert followed == rows_of(index)
                assert sums == (index.totals(), index.decoders(), index.remarks())


def rows_of(index: StoreIndex) -> list[tuple]:
    return index.rows.execute("SELECT * FROM videos ORDER BY video_id").fetchall()


def test_a_file_that_takes_its_reader_down_costs_its_neighbours_nothing(store, monkeypatch, capfd):
    for name in ("before", "crash", "last"):
        copied(store, "day0/v2", name)
    monkeypatch.setattr(header_summary, "_headers_in_sandbox", hostile_parsers.crash_beside)
    assert totals(store)["segments"] == 10 + 3 * 3
    os.truncate(store.path("crash"), 100)
    with StoreIndex(store) as index:
        assert index.ids("problem != ''") == ["crash"] and index.totals()["segments"] == 10 + 2 * 3
    capfd.readouterr()


WRITER = """
import os, signal, sys
from pathlib import Path
import numpy as np
from extract.runtime.foreign import ledger
from extract.store import FeatureStore
from support.tiny_stores import make_features

ledger.LEDGER._folder = lambda: Path(sys.argv[3])
ledger.FLUSH_SECONDS = 3600.0
store = FeatureStore(sys.argv[1])
for number in range(6):
    store.write(make_features(f"{sys.argv[2]}{number}", np.ones((number + 1, 6))))
    if number == 3:
        ledger.LEDGER.flush()
os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.mark.slow
def test_what_killed_writers_had_not_noted_is_read_from_their_files(store, opened, own_ledger):
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    program, place = [sys.executable, "-c", WRITER, str(store.root)], str(own_ledger)
    writers = [subprocess.Popen([*program, name, place], env=environment) for name in ("a", "b")]
    assert [each.wait() for each in writers] == [-signal.SIGKILL] * 2
    assert totals(store)["segments"] == 10 + 2 * 21 and sorted(opened) == ["a4", "a5", "b4", "b5"]


@pytest.mark.parametrize("damage", ["garbage", "other table", "gone", "read-only folder"])
def test_a_lost_index_is_rebuilt(store, damage):
    expected = totals(store)
    place = store.root / INDEX_FILE
    if damage == "garbage":
        place.write_bytes(b"no database" * 1000)
    elif damage == "other table":
        place.unlink()
        with sqlite3.connect(place) as rows:
            rows.execute("CREATE TABLE videos (something TEXT)")
    elif damage == "gone":
        place.unlink()
    else:
        place.unlink()
        store.root.chmod(0o555)
    try:
        assert totals(store) == expected and totals(store) == expected
    finally:
        store.root.chmod(0o755)


HOSTILE = (
    "UPDATE videos SET verified = 1, problem = '', segments = 999",
    "CREATE TRIGGER t AFTER UPDATE ON videos BEGIN DELETE FROM videos; END",
    "ALTER TABLE videos RENAME TO real; CREATE VIEW videos AS SELECT * FROM real",
)


@pytest.mark.parametrize("change", [*HOSTILE, "pipe", "link", "folder", "huge"])
def test_an_index_of_somebody_else_is_not_believed_and_is_replaced(store, tmp_path, change):
    expected, place = totals(store), store.root / INDEX_FILE
    damage(store, "day0/v2")
    elsewhere = tmp_path / "elsewhere.sqlite"
    elsewhere.write_bytes(place.read_bytes())
    if change in HOSTILE:
        with contextlib.closing(sqlite3.connect(place)) as rows:
            rows.executescript(change)
    else:
        place.unlink()
    if change == "pipe":
        os.mkfifo(place)
    elif change == "link":
        place.symlink_to(elsewhere)
    elif change == "folder":
        place.mkdir()
    elif change == "huge":
        place.touch()
        os.truncate(place, 1 << 40)
    before = elsewhere.read_bytes()
    with StoreIndex(store) as index:
        assert index.totals() == expected
        assert [video_id for video_id, problem in index.verify(again=False) if problem] == ["day0/v2"]
    assert elsewhere.read_bytes() == before
    assert place.is_dir() if change == "folder" else place.is_file() and not place.is_symlink()


def test_a_file_that_changed_under_its_old_size_and_time_is_verified_again(store):
    with StoreIndex(store) as index:
        assert not any(problem for _, problem in index.verify(again=True))
    times = store.path("day0/v2").stat()
    damage(store, "day0/v2")
    os.utime(store.path("day0/v2"), ns=(times.st_atime_ns, times.st_mtime_ns))
    with StoreIndex(store) as index:
        found = dict(index.verify(again=False))
    assert list(found) == ["day0/v2"] and "damaged" in found["day0/v2"]


def test_without_a_place_for_the_ledger_everything_is_read_again(store, monkeypatch):
    for module in ("index", "probing", "header_summary"):
        monkeypatch.setattr(f"extract.store.{module}.LEDGER", Ledger(lambda: None))
    expected = totals(store)
    monkeypatch.setattr("extract.store.index.LEDGER", Ledger(lambda: None))
    assert totals(store) == expected and (store.root / INDEX_FILE).is_file()


def test_a_damaged_page_costs_only_the_index(tmp_path):
    store = FeatureStore.create(tmp_path / "store", make_spec())
    add(store, "first", 1)
    content = store.path("first").read_bytes()
    for number in range(60):
        store.path(f"a-name-of-some-length-{number:04d}").write_bytes(content)
    expected, place = totals(store), store.root / INDEX_FILE
    sound = place.read_bytes()
    pages = len(sound) // 4096
    assert pages >= 2
    for page in range(pages):
        place.write_bytes(sound[: 4096 * page] + b"\xa5" * 4096 + sound[4096 * (page + 1) :])
        assert totals(store) == expected and totals(store) == expected


def test_verify_names_damaged_files_and_remembers_sound_ones(store):
    damage(store, "day0/v2")
    with StoreIndex(store) as index:
        found = dict(index.verify(again=True))
    broken = [video_id for video_id, problem in found.items() if problem]
    assert len(found) == 4 and broken == ["day0/v2"]
    with StoreIndex(store) as index:
        assert [video_id for video_id, _ in index.verify(again=False)] == broken
        assert index.ids("problem != ''") == broken


def test_a_truncated_file_is_a_problem_and_is_not_counted(store):
    os.truncate(store.path("day1/v3"), 900)
    with StoreIndex(store) as index:
        assert index.ids("problem != ''") == ["day1/v3"] and index.totals()["videos"] == 3
    assert store.scan() == (set(store.ids()), {"day1/v3"})


def test_two_indexes_at_once_agree(store):
    with StoreIndex(store) as first:
        counted = first.totals()
    with StoreIndex(store) as second:
        assert second.totals() == counted
