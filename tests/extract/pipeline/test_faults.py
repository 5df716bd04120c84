"""Faults from outside while a store is written: whatever happens, no video is lost and none is half-written.

Killed workers, devices, nodes and runs are in test_decode, test_engines and test_pipeline, network storage
that fails in test_remote_store; scripts/tools/soak.py repeats killed processes and nodes for any length of
time.
"""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import threading
from pathlib import Path

import h5py
import pytest
from click.testing import CliRunner

from extract.cli import main
from extract.store import FeatureStore, StoreError
from support import video_corpus

pytestmark = pytest.mark.slow

VIDEOS = 6
TINY = ["--set", "resize.size=32", "--set", "crop.size=32"]


@pytest.fixture(scope="module")
def videos(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("videos")
    for number in range(VIDEOS):
        video_corpus.write_video(folder / f"v{number}.mp4", 20 + number)
    lines = [f"v{number}\tNormal\t\t" for number in range(VIDEOS)]
    (folder / "list.tsv").write_text(
        "\n".join(["video_id\tevent_class\tnum_frames\tanomaly_spans", *lines]) + "\n"
    )
    return folder


@pytest.fixture(scope="module")
def expected(videos, tmp_path_factory) -> dict[str, bytes]:
    store = tmp_path_factory.mktemp("expected")
    assert run(videos, store).returncode == 0
    return content(store)


def command(videos: Path, store: Path, *options: str) -> list[str]:
    preset = () if "--preset" in options else ("--preset", "motion")
    return [
        "run",
        *preset,
        "--videos",
        str(videos),
        "--list",
        str(videos / "list.tsv"),
        "--store",
        str(store),
        "--workers",
        "1",
        *options,
    ]


def run(videos: Path, store: Path, *options: str, before: str = "") -> subprocess.CompletedProcess:
    """vad-extract run in a process of its own; before: Python that is executed in it first."""
    program = f"{before}\nimport sys\nfrom extract.cli import main\nmain(sys.argv[1:])"
    return subprocess.run(
        [sys.executable, "-c", program, *command(videos, store, *options)],
        capture_output=True,
        text=True,
        timeout=300,
    )


def content(store: Path) -> dict[str, bytes]:
    found = {}
    for path in sorted(store.rglob("*.h5")):
        with h5py.File(path) as file:
            found |= {f"{path.relative_to(store)}:{name}": file[name][()].tobytes() for name in file}
    return found


@pytest.fixture
def mounted(tmp_path):
    """A small disk in memory: mounted(kilobytes) -> its folder."""
    places = []

    def mount(kilobytes: int) -> Path:
        place = tmp_path / "disk"
        place.mkdir()
        done = subprocess.run(
            ["mount", "-t", "tmpfs", "-o", f"size={kilobytes}k", "tmpfs", str(place)], capture_output=True
        )
        if done.returncode:
            pytest.skip("needs the right to mount a tmpfs")
        places.append(place)
        return place

    yield mount
    for place in places:
        subprocess.run(["umount", "-l", str(place)], check=True)


def test_a_full_disk_fails_videos_by_name_and_the_rest_follows_with_more_space(videos, expected, mounted):
    disk = mounted(60)  # enough for some of the files
    store = disk / "store"
    result = run(videos, store)
    assert result.returncode == 1 and "No space left on device" in result.stderr, result.stderr
    there = content(store)
    assert there.items() <= expected.items() and len(there) < len(expected)
    # Not even enough space for a record.
    with open(disk / "rest", "wb", buffering=0) as rest, contextlib.suppress(OSError):
        while True:
            rest.write(bytes(1024))
    full = run(videos, store)
    assert (
        full.returncode == 1 and "failures.jsonl cannot be written (No space left on device)" in full.stderr
    ), full.stderr
    assert "Traceback" not in result.stderr + full.stderr and "failed: v" in full.stderr
    (disk / "rest").unlink()
    subprocess.run(["mount", "-o", "remount,size=4096k", str(disk)], check=True)
    assert run(videos, store).returncode == 0
    assert content(store) == expected and not list(store.rglob("*.partial"))


def test_a_read_only_disk_is_reported_in_one_line(videos, expected, mounted):
    disk = mounted(4096)
    store = disk / "store"
    assert run(videos, store).returncode == 0
    subprocess.run(["mount", "-o", "remount,ro", str(disk)], check=True)
    assert content(store) == expected and FeatureStore(store).ids() == sorted(
        f"v{number}" for number in range(VIDEOS)
    )
    assert run(videos, store).returncode == 0  # nothing to do
    subprocess.run(["mount", "-o", "remount,rw", str(disk)], check=True)
    (store / "v0.h5").unlink()
    subprocess.run(["mount", "-o", "remount,ro", str(disk)], check=True)
    result = run(videos, store)
    assert result.returncode == 1 and "failed: v0" in result.stderr and "Traceback" not in result.stderr, (
        result.stderr
    )
    result = run(videos, disk / "another")
    assert (
        result.returncode == 2
        and "Read-only file system" in result.stderr
        and "Traceback" not in result.stderr
    )


def test_a_slow_disk_does_not_count_as_a_stall(videos, expected, tmp_path):
    slow = (
        "import os, time\nplain = os.fsync\n"
        "os.fsync = lambda descriptor: (time.sleep(0.4), plain(descriptor))"
    )
    result = run(videos, tmp_path, "--stall-seconds", "2", before=slow)
    assert result.returncode == 0, result.stderr
    assert content(tmp_path) == expected


def test_a_clock_that_jumps_changes_nothing(videos, expected, tmp_path):
    jumping = (
        "import time\nplain, calls = time.time, [0]\n"
        "def jump():\n    calls[0] += 1\n    return plain() + 86400 * (-1) ** calls[0] * calls[0]\n"
        "time.time = jump"
    )
    result = run(videos, tmp_path, before=jumping)
    assert result.returncode == 0, result.stderr
    assert content(tmp_path) == expected


def test_two_runs_on_one_store_at_once(videos, expected, tmp_path):
    program = [sys.executable, "-m", "extract.cli", *command(videos, tmp_path)]
    both = [
        subprocess.Popen(program, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) for _ in range(2)
    ]
    said = [process.communicate(timeout=300) for process in both]
    assert [process.returncode for process in both] == [0, 0], said
    assert content(tmp_path) == expected and not list(tmp_path.rglob("*.partial"))


def test_a_reader_during_writing_sees_complete_videos_only(videos, expected, tmp_path):
    problems, seen, over = [], set(), threading.Event()

    def read():
        while not over.is_set():
            try:
                store = FeatureStore(tmp_path)
                for video_id in store.ids():
                    store.verify(video_id)
                    seen.add(video_id)
            except StoreError as error:
                if "no feature store" not in str(error):
                    problems.append(str(error))

    reader = threading.Thread(target=read)
    reader.start()
    result = run(videos, tmp_path)
    over.set()
    reader.join()
    assert result.returncode == 0 and problems == [] and seen and content(tmp_path) == expected


def test_too_little_memory_names_the_shape_to_choose_and_keeps_the_store(videos, tmp_path):
    options = ("--preset", "efficientnet-b0-frames", "--weights", "none", *TINY, "--device", "cpu")
    assert CliRunner().invoke(main, command(videos, tmp_path, *options, "--batch-size", "4")).exit_code == 0
    complete = content(tmp_path)
    os.unlink(tmp_path / "v0.h5")
    starved = (
        "import torch\nplain = torch.nn.functional.silu\n"
        "def silu(rows, **options):\n"
        # a size that the allocator itself refuses
        "    big = torch.is_inference_mode_enabled()\n"
        "    return torch.empty(1 << 60) if big else plain(rows, **options)\n"
        "torch.nn.functional.silu = silu"
    )
    result = run(videos, tmp_path, *options, before=starved)
    assert result.returncode == 2 and "Traceback" not in result.stderr, result.stderr
    assert "a batch of 4 inputs of shape [1, 3, 32, 32] does not fit into the memory of cpu" in result.stderr
    assert "--batch-size 2" in result.stderr
    assert FeatureStore(tmp_path).batch_shape == (4,)
    assert CliRunner().invoke(main, command(videos, tmp_path, *options)).exit_code == 0
    assert content(tmp_path) == complete


def test_frames_too_large_for_the_memory_fail_by_name(videos, tmp_path):
    huge = ("--set", f"resize.size={10**8}", "--set", "crop.size=32")  # beyond any address space
    result = run(
        videos,
        tmp_path,
        "--preset",
        "efficientnet-b0-frames",
        "--weights",
        "none",
        *huge,
        "--device",
        "cpu",
        "--batch-size",
        "4",
    )
    assert result.returncode == 1 and "Traceback" not in result.stderr, result.stderr
    for number in range(VIDEOS):
        assert f"failed: v{number}: extract: its frames do not fit into the memory of cpu" in result.stderr
    assert FeatureStore(tmp_path).ids() == []
