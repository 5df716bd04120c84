"""Several devices and several nodes write the store that one device writes, whatever dies on the way."""
from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import corpus
import h5py
import pytest

from data_lists import Video
from extract import device_processes, pipeline
from extract.presets import PRESETS
from extract.progress import Progress
from extract.settings import RunSettings
from extract.store import FeatureStore

VIDEOS = 10


@pytest.fixture(scope="module")
def videos(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("videos")
    for number in range(VIDEOS):
        corpus.write_video(folder / f"v{number}.mp4", 30 + 5 * number)
    (folder / "broken.mp4").write_bytes(b"no video")
    return folder


@pytest.fixture(scope="module")
def expected(videos, tmp_path_factory) -> dict[str, bytes]:
    """What one device alone writes."""
    store = tmp_path_factory.mktemp("local")
    extract(pipeline.run, videos, store)
    return content(store)


def listed() -> list[Video]:
    return [Video(f"v{number}") for number in range(VIDEOS)] + [Video("broken")]


def extract(engine, videos: Path, store: Path, **options):
    return engine(
        PRESETS["motion"], listed(), root=videos, store_root=store, settings=RunSettings(workers=1),
        progress=Progress(total=0, live=False), **options,
    )


def content(store: Path) -> dict[str, bytes]:
    found = {}
    for path in sorted(store.rglob("*.h5")):
        with h5py.File(path) as file:
            found |= {f"{path.relative_to(store)}:{name}": file[name][()].tobytes() for name in file}
    return found


def children(of: int, named: str) -> list[int]:
    """Processes below one whose command line holds a word."""
    found = []
    for entry in Path("/proc").iterdir():
        if not entry.name.isdecimal():
            continue
        try:
            parent = int((entry / "stat").read_text().rpartition(")")[2].split()[1])
            command = (entry / "cmdline").read_bytes().decode(errors="replace")
        except OSError:
            continue
        if parent == of and named in command:
            found.append(int(entry.name))
    return found


def check(report, store: Path, expected: dict[str, bytes]) -> None:
    assert content(store) == expected
    assert [failure.video_id for failure in report.failed] == ["broken"]
    assert report.done == VIDEOS and report.skipped == 0
    assert not list(store.rglob("*.partial"))


def test_two_devices_write_what_one_writes(videos, expected, tmp_path):
    check(extract(device_processes.run, videos, tmp_path, devices=["cpu", "cpu"]), tmp_path, expected)
    again = extract(device_processes.run, videos, tmp_path, devices=["cpu", "cpu"])
    assert (again.done, again.skipped) == (0, VIDEOS)


def test_a_killed_device_process_loses_nothing(videos, expected, tmp_path):
    killed = []

    def kill_one():
        until = time.monotonic() + 60
        while not killed and time.monotonic() < until:
            if any(tmp_path.glob("*.h5")) and (found := children(os.getpid(), "extract.device_worker")):
                os.kill(found[0], signal.SIGKILL)
                killed.append(found[0])
            time.sleep(0.01)

    killer = threading.Thread(target=kill_one)
    killer.start()
    report = extract(device_processes.run, videos, tmp_path, devices=["cpu", "cpu"])
    killer.join()
    assert killed
    check(report, tmp_path, expected)


def test_a_run_that_cannot_work_is_one_line(videos, tmp_path):
    with pytest.raises(ValueError, match="cuda:99|no GPU|CUDA"):
        engine = device_processes.run
        engine(
            PRESETS["efficientnet-b0"], listed(), root=videos, store_root=tmp_path, devices=["cuda:99"],
            settings=RunSettings(workers=1, weights="none"), progress=Progress(total=0, live=False),
        )
    assert not children(os.getpid(), "extract.device_worker")


def test_a_stopped_run_leaves_no_process_and_goes_on(videos, expected, tmp_path):
    command = [sys.executable, "-m", "extract.cli", "run", "--preset", "motion", "--videos", str(videos), "--list"]
    listing = tmp_path / "list.tsv"
    listing.write_text("video_id\tevent_class\tnum_frames\tanomaly_spans\n" + "".join(f"{video.video_id}\tNormal\t\t\n" for video in listed()))
    store = tmp_path / "store"
    command += [str(listing), "--store", str(store), "--workers", "1", "--devices", "cpu,cpu"]
    process = subprocess.Popen(command, stderr=subprocess.DEVNULL)
    until = time.monotonic() + 60
    while not list(store.glob("*.h5")) and time.monotonic() < until:
        time.sleep(0.02)
    workers = children(process.pid, "extract.device_worker")
    process.send_signal(signal.SIGTERM)
    assert process.wait(60) == 143 and workers
    assert not any(Path(f"/proc/{worker}").exists() for worker in workers)
    assert not list(store.rglob("*.partial"))
    assert subprocess.run(command, stderr=subprocess.DEVNULL).returncode == 1  # broken.mp4
    assert content(store) == expected


def test_a_cluster_that_loses_a_node_and_an_actor_writes_what_one_device_writes(videos, expected, tmp_path):
    ray = pytest.importorskip("ray", reason="needs Ray (extra ray)")
    from ray.cluster_utils import Cluster as Nodes

    from extract import ray_engine

    nodes = Nodes(initialize_head=True, head_node_args={"num_cpus": 1, "include_dashboard": False})
    lost = []
    try:
        second, _third = nodes.add_node(num_cpus=1), nodes.add_node(num_cpus=1)
        ray.init(address=nodes.address, logging_level="error", log_to_driver=False)

        def fail():
            until = time.monotonic() + 120
            while len(list(tmp_path.glob("*.h5"))) < 1 and time.monotonic() < until:
                time.sleep(0.02)
            actors = [int(entry.name) for entry in Path("/proc").iterdir() if entry.name.isdecimal() and _is_actor(entry)]
            if actors:
                os.kill(actors[0], signal.SIGKILL)
                lost.append("actor")
            nodes.remove_node(second)
            lost.append("node")

        thread = threading.Thread(target=fail)
        thread.start()
        report = extract(ray_engine.run, videos, tmp_path, cluster=ray_engine.Cluster(address=nodes.address))
        thread.join()
    finally:
        ray.shutdown()
        nodes.shutdown()
    assert lost == ["actor", "node"]
    check(report, tmp_path, expected)
    assert len(FeatureStore(tmp_path).ids()) == VIDEOS


def _is_actor(process: Path) -> bool:
    try:
        return (process / "cmdline").read_bytes().startswith(b"ray::ShardActor")
    except OSError:
        return False
