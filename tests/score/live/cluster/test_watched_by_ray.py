"""vad-score watch --engine ray: actors that die and hang, scores, secrets, and what is left behind."""

import itertools
import json
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from contextlib import ExitStack, suppress
from importlib.util import find_spec
from pathlib import Path
from typing import NamedTuple

import numpy as np
import psutil
import pytest

from extract.runtime.options.cluster import Cluster
from score.alerts.alert_listener import AlertListener
from score.alerts.alert_rule import AlertRule
from score.live.cluster.actor_job import actor_job
from score.live.cluster.actor_places import OBJECT_STORE_BYTES
from score.live.cluster.heartbeat import MOST_SECONDS
from score.live.cluster.ray_watcher import RayWatcher
from score.live.model_settings import ModelSettings
from support.http_camera import http_camera, jpeg
from support.processes import descendants, is_alive
from support.tiny_checkpoints import block_video, train_on_made_rows, write_h264
from support.waiting import wait_until
from support.watching import Kept, camera_at, file_camera, live_model, watched

pytestmark = pytest.mark.slow
if find_spec("ray") is None:
    pytest.skip("needs Ray (extra ray)", allow_module_level=True)

BUSY = 200.0  # seconds for what takes ten on a machine that does nothing else
MOVE_SECONDS = 10.0  # from the death of an actor to the next score of its cameras


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A head on made rows of the preset motion, and two videos."""
    root = tmp_path_factory.mktemp("trained")
    train_on_made_rows(root)
    for number, name in enumerate(("a", "b")):
        write_h264(root / f"{name}.mp4", block_video(number, hectic=True, num_frames=96))
    return root


@pytest.fixture
def nodes():
    """A cluster of one node on this machine, with a processor more than there are actors."""
    from ray.cluster_utils import Cluster as Nodes

    head = {"num_cpus": 3, "include_dashboard": False, "object_store_memory": OBJECT_STORE_BYTES}
    nodes = Nodes(initialize_head=True, head_node_args=head)
    yield nodes
    nodes.shutdown()


class Moment(NamedTuple):
    """Now, by both clocks."""

    unix: float
    monotonic: float

    @classmethod
    def now(cls) -> "Moment":
        return cls(time.time(), time.monotonic())


class Stamped(Kept):
    """With the time of the monotonic clock at which each segment came."""

    def __init__(self):
        super().__init__()
        self.at: list[float] = []

    def segment(self, segment):
        self.at.append(time.monotonic())
        super().segment(segment)

    def since(self, moment: Moment, camera: str) -> list[float]:
        """When segments of a camera came whose first frame arrived later: no dead actor has sent them."""
        pairs = zip(list(self.at), list(self.segments), strict=False)
        return [at for at, each in pairs if each.arrived[0] > moment.unix and each.camera == camera]


class Events:
    """An output of alerts."""

    name, failed, problem, delivered = "events", 0, "", 0

    def __init__(self):
        self.events: list[tuple[str, str, str]] = []

    def send(self, event):
        self.events.append((event.camera, event.event, event.id))

    def close(self, seconds):
        pass


def slowness() -> float:
    """How many times busier this machine is than it has processors."""
    return max(1.0, os.getloadavg()[0] / (os.cpu_count() or 1))


def moved(kept: Stamped, cameras: list[str], death: Moment) -> float:
    """Seconds until each camera of a dead actor has a score again, by when the scores came."""
    wait_until(lambda: all(kept.since(death, each) for each in cameras), BUSY)
    return max(min(kept.since(death, each)) for each in cameras) - death.monotonic


@pytest.mark.timeout(900)  # it waits for conditions, which take their time on a busy machine
def test_others_take_over_the_cameras_of_dead_and_hung_actors_and_their_alerts_stay_open(
    trained, nodes, record_property, capfd
):
    pictures = [jpeg(64, 48, number) for number in range(50)] * 1000
    kept, events = Stamped(), Events()
    alerts = AlertListener(AlertRule(0.0, minimum_seconds=0.5, lost_seconds=300.0), outputs=[events])
    job = actor_job(trained / "run", ModelSettings(device="cpu"), fps=25.0, wanted=None)
    with ExitStack() as stack:
        served = [stack.enter_context(http_camera(pictures, fps=25)) for _ in range(3)]
        cameras = [camera_at(each.address, name) for name, each in zip("abc", served, strict=True)]
        cluster = Cluster(nodes.address, actors=2)
        watcher = RayWatcher(cameras, cluster, job, [kept, alerts])
        thread = threading.Thread(target=watcher.run, daemon=True)
        thread.start()
        stack.callback(thread.join, 60)
        stack.callback(watcher.stop)

        def names(link) -> list[str]:
            return [track.camera.name for track in list(link.tracks.values())]

        def opened() -> set[str]:
            return {camera for camera, kind, _ in list(events.events) if kind == "new"}

        begun = Moment.now()
        wait_until(lambda: opened() == set("abc"), BUSY)
        first, second = watcher.links
        assert sorted((len(names(first)), len(names(second)))) == [1, 2]

        # The actor dies; the cameras of the other one do not notice.
        lost, others, untouched = names(first), names(second), dict(second.tracks)
        begun = Moment.now()
        os.kill(first.process_id, signal.SIGKILL)
        seconds = moved(kept, lost, begun)
        record_property("killed", seconds)
        assert seconds < MOVE_SECONDS * slowness()
        wait_until(lambda: all(kept.since(begun, each) for each in others), BUSY)
        assert set(untouched) <= set(second.tracks)

        # The other one hangs, once the first has come back.
        wait_until(lambda: first.status == "ready" and second._beat.limit < MOST_SECONDS, BUSY)
        lost = names(second)
        begun = Moment.now()
        os.kill(second.process_id, signal.SIGSTOP)
        seconds = moved(kept, lost, begun)
        record_property("hung", seconds)
        assert seconds < MOVE_SECONDS * slowness()

        # All are dead: one line each, and they are started again.
        begun = Moment.now()
        for link in watcher.links:
            if link.status == "ready":
                os.kill(link.process_id, signal.SIGKILL)
        wait_until(lambda: all(kept.since(begun, each) for each in "abc"), BUSY)
    assert not thread.is_alive() and kept.closed == 1
    for name in "abc":
        segments = kept.of(name)
        assert [each.number for each in segments] == list(range(len(segments)))
        assert (np.diff([each.frame_span for each in segments], axis=0) > 0).all()
        assert (np.diff([each.time_span for each in segments], axis=0) > 0).all()
        # One alert over all moves: neither lost nor doubled.
        mine = [(kind, number) for camera, kind, number in events.events if camera == name]
        assert [kind for kind, _ in mine if kind != "update"] == ["new", "end"]
        assert len({number for _, number in mine}) == 1
    out, said = capfd.readouterr()
    assert "(raylet)" not in out + said
    lines = [line for line in said.splitlines() if line.startswith("actor ")]
    assert len([line for line in lines if " died; " in line and "started again in" in line]) >= 2
    assert len([line for line in lines if " is silent for " in line]) == 1


@pytest.mark.timeout(900)
def test_scores_are_those_without_ray_and_a_stopped_watch_leaves_neither_process_nor_secret(
    trained, tmp_path
):
    """A Ctrl-C reaches all processes of the terminal, and one of them is stopped and cannot react."""
    scores = tmp_path / "scores.jsonl"
    logs_of_ray = Path(tempfile.gettempdir(), "ray")
    before = set(logs_of_ray.glob("session_2*"))
    with ExitStack() as stack:
        pictures = list(itertools.repeat(jpeg(64, 48, 0), 100_000))
        port = stack.enter_context(http_camera(pictures, fps=10)).server_port
        command = [sys.executable, "-m", "score.cli", "watch", "env:GATE"]
        command += [str(trained / "a.mp4"), str(trained / "b.mp4"), "--checkpoint", str(trained / "run")]
        command += ["--json", str(scores), "--device", "cpu", "--engine", "ray", "--actors", "2"]
        secret = {"GATE": f"http://admin:geheim@127.0.0.1:{port}/x?token=heimlich"}
        program = stack.enter_context(
            subprocess.Popen(
                command,
                stderr=subprocess.PIPE,
                text=True,
                env={**os.environ, **secret},
                start_new_session=True,
            )
        )
        stack.callback(program.kill)
        assert program.stderr is not None
        said: list[str] = []
        reader = threading.Thread(target=lambda: said.extend(program.stderr or ()))
        reader.start()

        def lines(camera: str) -> list[dict]:
            text = scores.read_text() if scores.exists() else ""
            found = [json.loads(line) for line in text.splitlines(keepends=True) if line.endswith("\n")]
            return [each for each in found if each["camera"] == camera]

        wait_until(lambda: len(lines("a")) == len(lines("b")) == 6 and lines("127.0.0.1"), BUSY)
        processes = descendants(program.pid)
        actors = descendants(program.pid, "ray::CameraActor")
        assert len(actors) == 2
        for each in processes:
            with suppress(psutil.Error):
                shown = f"{psutil.Process(each).environ()} {psutil.Process(each).cmdline()}"
                assert "geheim" not in shown and "heimlich" not in shown
        os.kill(min(actors), signal.SIGSTOP)
        os.killpg(program.pid, signal.SIGINT)
        assert program.wait(BUSY) == 130
        wait_until(lambda: not any(map(is_alive, processes)), 60)
        reader.join(60)
    text = "".join(said)
    assert "Traceback" not in text and f"127.0.0.1 (http://127.0.0.1:{port})" in text
    assert "delay at 25 frames/s:" in text
    logs = set(logs_of_ray.glob("session_2*")) - before
    kept_files = [each for log in logs for each in log.rglob("*") if each.is_file()]
    assert kept_files
    for content in [text, scores.read_text(), *(each.read_text(errors="replace") for each in kept_files)]:
        assert "geheim" not in content and "heimlich" not in content
    # What this process scores, to the bit.
    expected = watched([file_camera(trained / f"{name}.mp4") for name in "ab"], live_model(trained / "run"))
    for name in "ab":
        for ours, theirs in zip(lines(name), expected.of(name), strict=True):
            assert (ours["score"], tuple(ours["frames"])) == (theirs.score, theirs.frame_span)
            assert ours["restarted"] == theirs.restarted and ours["segment"] == theirs.number
            np.testing.assert_allclose(ours["seconds"], theirs.time_span, atol=1e-6)


def test_a_refused_call_is_one_line(trained, monkeypatch):
    from click.testing import CliRunner

    from score.cli import main

    watch = ["watch", str(trained / "a.mp4"), "--checkpoint", str(trained / "run")]
    ray = ["--engine", "ray"]
    calls = {
        "--actors is for --engine ray": ["--actors", "2"],
        "--gpus-per-worker is for --engine ray": ["--gpus-per-worker", "1"],
        "--measure is about one machine": [*ray, "--measure"],
    }
    for expected, words in calls.items():
        done = CliRunner().invoke(main, [*watch, *words])
        assert done.exit_code == 2 and expected in done.stderr
        assert len([line for line in done.stderr.splitlines() if line.startswith("Error")]) == 1
    monkeypatch.setattr("extract.engines.ray_connection.version", lambda _package: "not installed")
    done = CliRunner().invoke(main, [*watch, *ray])
    assert done.exit_code == 2
    assert done.stderr.strip() == "error: --engine ray needs Ray: pip install 'vad-pipeline[ray]'"


def test_a_webcam_is_refused_only_where_other_machines_may_score_it():
    from score.live.address import Address
    from score.live.camera import Camera
    from score.live.cluster.engine import Engine

    webcam = Camera("desk", Address("webcam", "/dev/video0", "/dev/video0"))
    Engine().check([webcam])
    with pytest.raises(ValueError, match="/dev/video0 is a webcam of one machine"):
        Engine(Cluster(address="auto")).check([webcam])
