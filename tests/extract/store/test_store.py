"""Laws of the feature store: round trip, all or nothing, other specs and damage refused."""

import os
import pickle
import subprocess
import sys
import threading
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from extract.runtime import atomic
from extract.store import FeatureSpec, FeatureStore, StoreError, VideoFeatures, hdf5_group

SPEC = FeatureSpec(
    preset="trial",
    backbone="trial",
    weights="",
    modality="rgb",
    clip_length=16,
    segment_stride=16,
    feature_dim=3,
    preprocessing={"resize": {"size": 256}},
    num_crops=2,
    crops="pair",
)


def video(video_id="a/b", segments=70, spec=SPEC, seed=0) -> VideoFeatures:
    starts = np.arange(segments) * 16
    spans = np.stack([starts, np.minimum(starts + 16, segments * 16 - 3)], 1)
    rows = (
        np.random.default_rng(seed)
        .normal(size=(segments, spec.num_crops, spec.feature_dim))
        .astype(spec.dtype)
    )
    return VideoFeatures(
        video_id,
        rows,
        spans,
        spans / 25.0,
        num_frames=segments * 16 - 3,
        fps=25.0,
        width=320,
        height=240,
        decode={"decoder": "pyav", "messages": 2},
        source={"path": "a/b.mp4", "bytes": 7},
        provenance={"torch": "x"},
    )


@pytest.fixture
def store(tmp_path):
    return FeatureStore.create(tmp_path / "store", SPEC, batch_shape=(2, 3))


@pytest.mark.parametrize("dtype", ["float32", "float16"])
def test_written_videos_are_read_back(tmp_path, dtype):
    spec = replace(SPEC, dtype=dtype)
    store, written = FeatureStore.create(tmp_path, spec), video(spec=spec)
    store.write(written)
    read = FeatureStore(tmp_path).read("a/b")
    assert read.features.dtype == dtype and np.array_equal(read.features, written.features)
    assert np.array_equal(read.frame_span, written.frame_span) and np.array_equal(
        read.time_span, written.time_span
    )
    for name in ("num_frames", "fps", "width", "height", "decode", "source", "provenance"):
        assert getattr(read, name) == getattr(written, name)


def test_ids_are_paths_below_the_root(store):
    for name in ("b", "x/y/z", "x/y.z", "ü/ 1"):
        store.write(video(name))
    assert store.ids() == sorted(["b", "x/y/z", "x/y.z", "ü/ 1"])
    assert "x/y.z" in store and "x/y" not in store


@pytest.mark.parametrize("name", ["", "/etc/passwd", "../out", "a/../../b", "a\\b", "a\0b"])
def test_no_video_id_leaves_the_store(store, name):
    with pytest.raises(ValueError, match="is not a video id"):
        store.path(name)


def test_another_spec_is_refused_and_the_field_is_named(store):
    other = replace(SPEC, segment_stride=8, preprocessing={"resize": {"size": 224}})
    with pytest.raises(
        StoreError, match="preprocessing.resize.size is 256, expected 224; segment_stride is 16, expected 8"
    ):
        FeatureStore.create(store.root, other)


def test_a_file_of_another_spec_is_refused_by_the_reader(store, tmp_path):
    other = FeatureStore.create(tmp_path / "other", replace(SPEC, clip_length=32))
    other.write(video("v"))
    os.replace(other.path("v"), store.path("v"))
    with pytest.raises(StoreError, match="clip_length is 32, expected 16"):
        store.read("v")


def test_a_continued_store_keeps_its_batch_shape(store):
    assert FeatureStore.create(store.root, SPEC, batch_shape=(8, 8)).batch_shape == (2, 3)


def test_one_flipped_bit_is_detected(store):
    store.write(video())
    path = store.path(video().video_id)
    content = bytearray(path.read_bytes())
    place = content.find(video().features.tobytes()[:24])
    content[place + 5] ^= 1
    path.write_bytes(content)
    with pytest.raises(StoreError, match="damaged"):
        store.verify("a/b")


@pytest.mark.parametrize("share", [0.0, 0.3, 0.6, 0.99])
def test_a_truncated_file_is_detected(store, share):
    store.write(video())
    path = store.path(video().video_id)
    os.truncate(path, int(path.stat().st_size * share))
    with pytest.raises(StoreError, match="damaged|incomplete"):
        store.read("a/b")


@pytest.mark.parametrize(
    "change, message",
    [
        (
            {"features": np.zeros((70, 2, 4), np.float32)},
            r"features have shape \[70, 2, 4\], expected \[70, 2, 3\]",
        ),
        ({"features": np.full((70, 2, 3), np.nan)}, "NaN"),
        ({"frame_span": np.zeros((70, 2), int)}, "frame spans"),
        ({"time_span": np.zeros((69, 2))}, "time_span has shape"),
        ({"arrays": {"extra": np.zeros(70)}}, "arrays are"),
        ({"num_frames": 10}, "within 10 frames"),
    ],
)
def test_a_video_that_breaks_the_contract_is_not_written(store, change, message):
    with pytest.raises(StoreError, match=message):
        store.write(replace(video(), **change))
    assert store.ids() == [] and not list(store.root.rglob("*.partial"))


def test_values_too_large_for_float16_are_refused(tmp_path):
    spec = replace(SPEC, dtype="float16")
    with pytest.raises(StoreError, match="as float16"):
        FeatureStore.create(tmp_path, spec).write(
            replace(video(), features=np.full((70, 2, 3), 1e6, np.float32))
        )


def test_a_full_disk_leaves_nothing_behind(store):
    # a limit on the size of files that a process may write stands for the full disk: write() fails the same
    # way
    code = (
        "import resource, signal, sys; sys.path.insert(0, sys.argv[1])\n"
        "from test_store import *\n"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (20000, 20000))\n"
        f"store = FeatureStore({str(store.root)!r})\n"
        "try: store.write(video(segments=4000))\n"
        "except StoreError as error: print(error); sys.exit(7)\n"
    )
    run = subprocess.run(
        [sys.executable, "-c", code, str(Path(__file__).parent)], capture_output=True, text=True
    )
    assert run.returncode == 7, run.stderr
    assert run.stdout.count("\n") == 1 and "a/b: cannot be written" in run.stdout
    assert store.ids() == [] and not list(store.root.rglob("*.partial"))


def test_partial_files_of_dead_writers_are_removed(store):
    dead = subprocess.Popen([sys.executable, "-c", ""])
    dead.wait()
    living, stale = (atomic.partial_path(store.path("v")) for _ in range(2))
    stale = stale.with_name(stale.name.replace(f"+{os.getpid()}+", f"+{dead.pid}+"))
    living = living.with_name(living.name.replace(f"+{os.getpid()}+", f"+{os.getppid()}+"))
    foreign = store.root / ".abc.elsewhere+1+0123abcd.partial"
    for path in (living, stale, foreign):
        path.write_text("")
    assert store.remove_stale() == 1
    assert living.exists() and foreign.exists() and not stale.exists()


def test_a_writer_that_is_about_to_die_is_waited_for(store):
    writer = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
    partial = atomic.partial_path(store.path("v"))
    partial = partial.with_name(partial.name.replace(f"+{os.getpid()}+", f"+{writer.pid}+"))
    partial.write_text("")
    assert store.remove_stale() == 0 and store.remove_stale(wait_seconds=0.2) == 0 and partial.exists()
    killer = threading.Timer(0.3, lambda: (writer.kill(), writer.wait()))
    killer.start()
    assert store.remove_stale(wait_seconds=30) == 1 and not partial.exists()
    killer.join()


def test_a_folder_without_a_store_is_refused(tmp_path):
    with pytest.raises(StoreError, match="no feature store"):
        FeatureStore(tmp_path)
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "lost").symlink_to("nowhere")
    for name, what in (("pipe", "is a pipe"), ("lost", "a link to a file that does not exist")):
        with pytest.raises(StoreError, match=f"{name}: {what}"):
            FeatureStore(tmp_path / name)
    (tmp_path / "store.json").write_text("{}")
    with pytest.raises(StoreError, match="does not describe a feature store"):
        FeatureStore(tmp_path)


def test_a_store_can_be_pickled(store):
    store.write(video())
    assert pickle.loads(pickle.dumps(store)).ids() == ["a/b"]


def test_blocks_cover_an_array_in_whole_chunks(monkeypatch):
    monkeypatch.setattr(hdf5_group, "BLOCK_BYTES", 100)
    rows = np.zeros((23, 5), np.float32)  # 20 bytes a row
    for multiple in (1, 4, 7):
        parts = list(hdf5_group._blocks(rows, multiple=multiple))
        assert [part.start for part in parts[1:]] == [part.stop for part in parts[:-1]]
        assert parts[0].start == 0 and parts[-1].stop == 23
        assert all((part.stop - part.start) % multiple == 0 for part in parts[:-1])


def test_a_store_that_is_created_while_it_is_looked_for_is_read(tmp_path, monkeypatch):
    """The first reading misses store.json, and it is there when the reader asks whether it exists."""
    there = os.path.lexists

    def created(path):
        monkeypatch.setattr(os.path, "lexists", there)
        FeatureStore.create(tmp_path / "kept", SPEC)
        (tmp_path / "kept" / "store.json").rename(tmp_path / "store.json")
        return there(path)

    monkeypatch.setattr(os.path, "lexists", created)
    assert FeatureStore(tmp_path).spec == SPEC
