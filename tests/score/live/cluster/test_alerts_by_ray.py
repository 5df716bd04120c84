"""vad-score watch --engine ray --alerts: an actor dies in the middle of alerts, a signal ends the watch."""

import itertools
import json
import os
import signal
import subprocess
import sys
from contextlib import ExitStack
from importlib.util import find_spec
from pathlib import Path

import av
import numpy as np
import pytest

from score.alerts.alert_folder import EVENTS
from score.alerts.alert_listener import AlertListener
from score.alerts.alert_rule import AlertRule
from score.alerts.outputs.event_file import EventFile
from score.live.frames.captures import Captures
from score.live.watcher import Watcher
from support.http_camera import http_camera, jpeg
from support.processes import descendants, is_alive
from support.tiny_checkpoints import block_video, train_on_made_rows, write_h264
from support.waiting import wait_until
from support.watching import Kept, file_camera, live_model

pytestmark = pytest.mark.slow
if find_spec("ray") is None:
    pytest.skip("needs Ray (extra ray)", allow_module_level=True)

BUSY = 200.0  # seconds for what takes ten on a machine that does nothing else
ON, OFF = 0.195, 0.19  # between which the scores of both videos rise and fall
RULE = AlertRule(ON, OFF, minimum_seconds=0.5, quiet_seconds=0.5, cool_down_seconds=0.0, lost_seconds=300.0)
OTHERS = ("threshold_off", "minimum_seconds", "quiet_seconds", "cool_down_seconds", "lost_seconds")
CAMERAS = """
cameras:
- {{name: a, address: {a}}}
- {{name: b, address: {b}}}
- {{name: gate, address: "http://127.0.0.1:{port}/x", threshold: 0}}
"""
SAME = ("camera", "start_seconds", "end_seconds", "peak_seconds", "peak_score", "reason")


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A head on made rows of the preset motion, and two videos that are hectic again and again."""
    root = tmp_path_factory.mktemp("trained")
    train_on_made_rows(root)
    for number, name in enumerate("ab"):
        write_h264(root / f"{name}.mp4", np.tile(block_video(number, hectic=True), (2, 1, 1, 1)))
    return root


def undisturbed(trained: Path, folder: Path) -> tuple[list[dict], dict[str, list[float]]]:
    """What SAME says of the alerts of both videos, and the scores of each, in one process."""
    folder.mkdir()
    listener = AlertListener(RULE, outputs=[EventFile(folder / EVENTS)])
    cameras = [file_camera(trained / f"{name}.mp4") for name in "ab"]
    kept = Kept()
    Watcher(Captures(cameras), live_model(trained / "run"), [kept, listener]).run()
    ends = [{name: each[name] for name in SAME} for each in ends_of(folder)]
    return ends, {name: [each.score for each in kept.of(name)] for name in "ab"}


def lines_of(log: Path) -> list[dict]:
    text = log.read_text() if log.exists() else ""
    return [json.loads(line) for line in text.splitlines(keepends=True) if line.endswith("\n")]


def events_of(folder: Path) -> list[dict]:
    return lines_of(folder / EVENTS)


def ends_of(folder: Path) -> list[dict]:
    return sorted(
        (each for each in events_of(folder) if each["event"] == "end"),
        key=lambda each: (each["camera"], each["start_seconds"]),
    )


@pytest.mark.timeout(900)
def test_alerts_outlive_their_actor_and_a_signal_ends_the_rest_and_all_processes(trained, tmp_path):
    expected, scores = undisturbed(trained, tmp_path / "local")
    assert {each["camera"] for each in expected} == set("ab") and len(expected) > 2
    folder = tmp_path / "alerts"
    with ExitStack() as stack:
        pictures = list(itertools.repeat(jpeg(64, 48, 0), 100_000))
        port = stack.enter_context(http_camera(pictures, fps=5)).server_port
        yaml = CAMERAS.format(a=trained / "a.mp4", b=trained / "b.mp4", port=port)
        (tmp_path / "cameras.yaml").write_text(yaml)
        command = [sys.executable, "-m", "score.cli", "watch", "--cameras", str(tmp_path / "cameras.yaml")]
        command += ["--checkpoint", str(trained / "run"), "--device", "cpu", "--engine", "ray", "--actors"]
        command += ["1", "--json", str(tmp_path / "scores.jsonl"), "--alerts", str(folder), "--threshold"]
        command += [str(ON), *(f"--set=alert.{name}={getattr(RULE, name)}" for name in OTHERS)]
        said = stack.enter_context(open(tmp_path / "said", "w+"))
        program = stack.enter_context(subprocess.Popen(command, stderr=said, text=True))
        stack.callback(program.kill)

        def news(camera: str) -> list[dict]:
            assert program.poll() is None, (tmp_path / "said").read_text()
            return [each for each in events_of(folder) if (each["camera"], each["event"]) == (camera, "new")]

        wait_until(lambda: news("a"), BUSY)
        (actor,) = descendants(program.pid, "ray::CameraActor")
        os.kill(actor, signal.SIGKILL)
        killed = len(events_of(folder))
        wait_until(lambda: len(ends_of(folder)) == len(expected) and news("gate"), BUSY)
        processes = descendants(program.pid)
        program.terminate()
        assert program.wait(BUSY) == 143
        wait_until(lambda: not any(map(is_alive, processes)), 60)
    text = (tmp_path / "said").read_text()
    assert text.count("actor 1 died; ") == 1 and "Traceback" not in text and "(raylet)" not in text
    known = [each["event"] for each in events_of(folder)[:killed]]
    assert known.count("new") > known.count("end")  # it died in the middle of an alert
    for name, own in scores.items():
        lines = [each for each in lines_of(tmp_path / "scores.jsonl") if each["camera"] == name]
        assert [(each["segment"], each["score"]) for each in lines] == list(enumerate(own))
    *recorded, last = ends_of(folder)
    assert [{name: each[name] for name in SAME} for each in recorded] == expected
    assert (last["camera"], last["reason"]) == ("gate", "the watch ended")
    for identifier in {each["id"] for each in events_of(folder)}:
        kinds = [each["event"] for each in events_of(folder) if each["id"] == identifier]
        assert kinds[0] == "new" and kinds[-1] == "end" and set(kinds[1:-1]) <= {"update"}
    for each in [*recorded, last]:
        assert (folder / each["picture"]).stat().st_size > 0
        with av.open(str(folder / each["clip"])) as clip:
            assert sum(1 for _ in clip.decode(video=0)) > 5
