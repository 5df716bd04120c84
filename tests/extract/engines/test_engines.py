"""Several devices and several nodes write the store that one device writes, whatever dies on the way."""

from __future__ import annotations

import contextlib
import ipaddress
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import h5py
import psutil
import pytest

from data_lists import Video, write_list
from extract.engines import processes as device_processes
from extract.pipeline.extractor import run_job
from extract.pipeline.run_settings import ExtractionJob, RunSettings
from extract.presets import PRESETS
from extract.runtime.options.cluster import Cluster
from extract.runtime.progress import Progress
from extract.store import FeatureStore
from support import video_corpus
from support.processes import descendants, is_alive, listening
from support.waiting import wait_until

pytestmark = pytest.mark.slow

VIDEOS = 7
# The long one is handed out first and ends last.
FRAMES = [*(8 + 3 * number for number in range(VIDEOS - 1)), 300]


@pytest.fixture(scope="module")
def videos(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("videos")
    for number, frames in enumerate(FRAMES):
        video_corpus.write_video(folder / f"v{number}.mp4", frames)
    (folder / "broken.mp4").write_bytes(b"no video")
    return folder


@pytest.fixture(scope="module")
def expected(videos, tmp_path_factory) -> dict[str, bytes]:
    """What one device alone writes."""
    store = tmp_path_factory.mktemp("local")
    extract(run_job, videos, store)
    return content(store)


def listed() -> list[Video]:
    return [Video(f"v{number}") for number in range(VIDEOS)] + [Video("broken")]


def extract(engine, videos: Path, store: Path, **options):
    job = ExtractionJob(PRESETS["motion"], videos, store, RunSettings(workers=1))
    return engine(job, listed(), progress=Progress(total=0, live=False), **options)


def content(store: Path) -> dict[str, bytes]:
    found = {}
    for path in sorted(store.rglob("*.h5")):
        with h5py.File(path) as file:
            found |= {f"{path.relative_to(store)}:{name}": file[name][()].tobytes() for name in file}
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


def test_two_devices_write_the_rows_of_a_network_that_one_writes(videos, tmp_path):
    options = ["--preset", "efficientnet-b0-frames", "--weights", "none", "--batch-size", "4"]
    options += ["--set", "resize.size=32", "--set", "crop.size=32"]
    listing = tmp_path / "list.tsv"
    write_list(listing, listed()[:5])
    for store, devices in (("one", ["--device", "cpu"]), ("two", ["--devices", "cpu,cpu"])):
        done = subprocess.run(
            [*command(videos, listing, tmp_path / store, *options), *devices], stderr=subprocess.DEVNULL
        )
        assert done.returncode == 0
    assert content(tmp_path / "one") == content(tmp_path / "two")


def test_a_killed_device_process_loses_nothing(videos, expected, tmp_path):
    killed = []

    def kill_one():
        wait_until(lambda: any(tmp_path.glob("*.h5")))
        found = wait_until(lambda: descendants(os.getpid(), "extract.engines.device_worker"))
        os.kill(min(found), signal.SIGKILL)
        killed.append(min(found))

    killer = threading.Thread(target=kill_one)
    killer.start()
    report = extract(device_processes.run, videos, tmp_path, devices=["cpu", "cpu"])
    killer.join()
    assert killed
    check(report, tmp_path, expected)


def test_a_run_that_cannot_work_is_one_line(videos, tmp_path):
    with pytest.raises(ValueError, match="cuda:99|no GPU|CUDA"):
        settings = RunSettings(workers=1, weights="none")
        job = ExtractionJob(PRESETS["efficientnet-b0"], videos, tmp_path, settings)
        device_processes.run(job, listed(), devices=["cuda:99"], progress=Progress(total=0, live=False))
    assert not descendants(os.getpid(), "extract.engines.device_worker")


@pytest.fixture(scope="module")
def listing(tmp_path_factory) -> Path:
    path = tmp_path_factory.mktemp("lists") / "list.tsv"
    path.write_text(
        "video_id\tevent_class\tnum_frames\tanomaly_spans\n"
        + "".join(f"{video.video_id}\tNormal\t\t\n" for video in listed())
    )
    return path


def command(videos: Path, listing: Path, store: Path, *options: str) -> list[str]:
    run = [
        sys.executable,
        "-m",
        "extract.cli",
        "run",
        "--videos",
        str(videos),
        "--list",
        str(listing),
        "--store",
        str(store),
    ]
    return [*run, "--workers", "1", *options]


def stop_when_it_works(command: list[str], store: Path, named: str, *, sent: signal.Signals) -> set[int]:
    """Stop a run once it has stored a video, as a terminal or a job system does; returns its workers."""
    process = subprocess.Popen(command, stderr=subprocess.DEVNULL, start_new_session=True)
    wait_until(lambda: any(store.glob("*.h5")), 120)
    workers = descendants(os.getpid(), named)
    if sent == signal.SIGINT:
        os.killpg(process.pid, sent)  # Ctrl-C goes to every process of the terminal
    else:
        process.send_signal(sent)
    assert process.wait(120) == 128 + sent and workers
    return workers


def test_a_stopped_run_leaves_no_process_and_goes_on(videos, listing, expected, tmp_path):
    run = command(videos, listing, tmp_path, "--preset", "motion", "--devices", "cpu,cpu")
    workers = stop_when_it_works(run, tmp_path, "extract.engines.device_worker", sent=signal.SIGINT)
    assert not any(is_alive(worker) for worker in workers)
    assert not list(tmp_path.rglob("*.partial"))
    assert subprocess.run(run, stderr=subprocess.DEVNULL).returncode == 1  # broken.mp4
    assert content(tmp_path) == expected


@pytest.mark.parametrize("engine", ["devices", "ray"])
def test_a_batch_too_large_for_a_worker_is_one_line(videos, listing, tmp_path, engine, request):
    where = ["--devices", "cpu,cpu"]
    if engine == "ray":
        where = ["--engine", "ray", "--address", request.getfixturevalue("nodes").address]
    preset = [
        "--preset",
        "efficientnet-b0-frames",
        "--weights",
        "none",
        "--set",
        "resize.size=32",
        "--set",
        "crop.size=32",
    ]
    run = command(videos, listing, tmp_path, *preset, *where, "--batch-size", str(10**9))
    result = subprocess.run(run, capture_output=True, text=True, timeout=300)
    assert result.returncode == 2 and "Traceback" not in result.stderr, result.stderr
    assert (
        f"a batch of {10**9} inputs of shape [1, 3, 32, 32] does not fit into the memory of cpu"
        in result.stderr
    )
    assert f"--batch-size {10**9 // 2}" in result.stderr and FeatureStore(tmp_path).batch_shape == (10**9,)


@pytest.fixture(scope="module")
def nodes():
    """A cluster of a head and two nodes on this machine; the last test that uses it removes one of them."""
    pytest.importorskip("ray", reason="needs Ray (extra ray)")
    from ray.cluster_utils import Cluster as Nodes

    # Ray takes a node for dead after five failed checks; more frequent ones find out in seconds instead of a
    # quarter of a minute. The time limit of a check stays Ray's own, so that a busy node does not count as
    # dead.
    checks = {"health_check_period_ms": 500, "health_check_initial_delay_ms": 500}
    head = {"num_cpus": 1, "include_dashboard": False, "_system_config": checks}
    nodes = Nodes(initialize_head=True, head_node_args=head)
    try:
        nodes.second = nodes.add_node(num_cpus=1, num_gpus=1)
        nodes.add_node(num_cpus=1)
        yield nodes
    finally:
        nodes.shutdown()


def test_a_stopped_run_on_a_cluster_leaves_no_actor_and_goes_on(nodes, videos, listing, expected, tmp_path):
    run = command(
        videos, listing, tmp_path, "--preset", "motion", "--engine", "ray", "--address", nodes.address
    )
    workers = stop_when_it_works(run, tmp_path, "ray::ShardActor", sent=signal.SIGTERM)
    wait_until(lambda: not any(map(is_alive, workers)), 30)  # another node ends its own
    assert not descendants(os.getpid(), "ShardActor") and not descendants(
        os.getpid(), "extract.decode.decode_worker"
    )
    alone = [word for word in run if word not in ("--address", nodes.address)]  # Ray on this machine only
    # Settings of a cluster elsewhere must not reach the one that is started here.
    other = {**os.environ, "RAY_AUTH_TOKEN": "of another cluster"}
    with subprocess.Popen(alone, stderr=subprocess.DEVNULL, env=other) as started:
        places: set[str] = set()
        modes: dict[int, tuple] = {}
        while started.poll() is None:
            places |= listening(started.pid)
            modes |= authentication(started.pid)  # of a process that has just begun, that of its parent
            time.sleep(0.05)
    assert started.returncode == 1  # broken.mp4
    failures = (tmp_path / "failures.jsonl").read_text()
    assert failures.count("\n") == 1, failures
    assert content(tmp_path) == expected and not list(tmp_path.rglob("*.partial"))
    assert places and all(ipaddress.ip_address(each.removeprefix("::ffff:")).is_loopback for each in places)
    ((mode, token),) = set(modes.values())
    assert mode == "token" and len(token) == 64


def authentication(process_id: int) -> dict[int, tuple[str | None, str | None]]:
    """How processes of Ray below a process identify themselves to each other, by their numbers."""
    found = {}
    for each in descendants(process_id, "raylet") | descendants(process_id, "gcs_server"):
        with contextlib.suppress(psutil.Error):
            variables = psutil.Process(each).environ()
            found[each] = variables.get("RAY_AUTH_MODE"), variables.get("RAY_AUTH_TOKEN")
    return found


def test_a_ray_without_tokens_is_refused_before_it_is_imported(monkeypatch):
    from extract.engines import ray_connection

    monkeypatch.setattr("extract.runtime.versions.version", lambda _package: "2.51.3")
    before = dict(os.environ)
    with pytest.raises(ValueError, match="ray 2.51.3 is too old: authentication by tokens came with 2.52"):
        with ray_connection.connected(None):
            pass
    assert dict(os.environ) == before


@pytest.mark.parametrize(
    "address, private",
    [("127.0.0.1", True), ("::1", True), ("192.0.2.2", False), ("0.0.0.0", False), ("::", False)],
)
def test_a_cluster_that_others_may_reach_is_refused(address, private):
    from extract.engines.ray_connection import _check_private

    class Ray:
        """As much of Ray as is asked."""

        @staticmethod
        def nodes():
            return [{"NodeManagerAddress": "127.0.0.1"}, {"NodeManagerAddress": address}]

    if private:
        _check_private(Ray)
    else:
        with pytest.raises(ValueError, match=f"on {address}, which other machines may reach"):
            _check_private(Ray)


@pytest.fixture
def connected(nodes):
    ray = pytest.importorskip("ray")
    yield ray.init(address=nodes.address, logging_level="error", log_to_driver=False)
    ray.shutdown()


@pytest.mark.usefixtures("connected")
def test_as_many_actors_run_as_the_nodes_have_cpus_and_gpus_for():
    import ray

    from extract.engines.ray_engine import actors_that_fit

    assert actors_that_fit(ray, Cluster(), workers=1) == 3
    assert actors_that_fit(ray, Cluster(gpus=0.5), workers=1) == 1  # two halves of a GPU, but one CPU
    with pytest.raises(ValueError, match="no node of the cluster has 1 CPUs and 2 GPUs for an actor; lower"):
        actors_that_fit(ray, Cluster(gpus=2), workers=1)


@pytest.mark.usefixtures("connected")
def test_a_bug_in_the_only_actor_costs_no_video(videos, expected, tmp_path, monkeypatch, capfd):
    from extract.engines import ray_engine

    flag = tmp_path / "stumbled"

    class Stumbling(ray_engine.ShardActor):
        def extract(self, videos):
            if videos and not flag.exists():
                flag.touch()
                raise RuntimeError("an unforeseen bug")
            return super().extract(videos)

    monkeypatch.setattr(ray_engine, "ShardActor", Stumbling)
    alone = Cluster(gpus=1)  # the one node that declares a GPU
    check(extract(ray_engine.run, videos, tmp_path / "store", cluster=alone), tmp_path / "store", expected)
    assert flag.exists() and "an unforeseen bug" in capfd.readouterr().err


@pytest.mark.usefixtures("connected")
def test_a_cluster_that_loses_a_node_and_an_actor_writes_what_one_device_writes(
    nodes, videos, expected, tmp_path
):
    from extract.engines import ray_engine

    lost = []
    over = threading.Event()

    def fail():  # an actor of one node, and another node
        wait_until(lambda: any(tmp_path.glob("*.h5")), 120)
        raylet = nodes.second.all_processes["raylet"][0].process.pid
        elsewhere = wait_until(
            lambda: descendants(os.getpid(), "ray::ShardActor") - descendants(raylet, "ray::ShardActor"), 120
        )
        os.kill(min(elsewhere), signal.SIGKILL)
        lost.append(("actor", over.is_set()))
        nodes.remove_node(nodes.second, allow_graceful=False)
        lost.append(("node", over.is_set()))

    thread = threading.Thread(target=fail)
    thread.start()
    report = extract(ray_engine.run, videos, tmp_path, cluster=Cluster(address=nodes.address))
    over.set()
    thread.join()
    assert lost == [("actor", False), ("node", False)]
    check(report, tmp_path, expected)
    assert len(FeatureStore(tmp_path).ids()) == VIDEOS and report.frames == sum(FRAMES)
