"""vad-score watch end to end: RTSP on loopback, servers that die and return, secrets, files that end."""

import json
import os
import signal
import subprocess
import sys
import threading
import time

import numpy as np
import psutil
import pytest
from click.testing import CliRunner

from score.cli import main
from score.live.frames import capture, frame_buffer
from score.live.frames.captures import Captures
from score.live.watcher import Watcher
from support.http_camera import http_camera, jpeg
from support.rtsp_server import free_port, missing, rtsp_server
from support.tiny_checkpoints import block_video, train_on_made_rows, write_h264
from support.waiting import wait_until
from support.watching import Kept, camera_at, file_camera, live_model, watched

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A head on made rows of the preset motion, and videos that a server plays."""
    root = tmp_path_factory.mktemp("trained")
    train_on_made_rows(root)
    for number, name in enumerate(("a", "b")):
        write_h264(root / f"{name}.mp4", block_video(number, hectic=True, num_frames=64))
    return root


@pytest.fixture(autouse=True)
def large_buffer(monkeypatch):
    """A busy machine must not skip frames here."""
    monkeypatch.setattr(frame_buffer, "MOST_FRAMES", 1000)


@pytest.fixture
def served(trained):
    """A function that starts the server of a.mp4 and b.mp4 on a port, for admin with the password geheim."""
    if why := missing():
        if os.environ.get("VAD_REQUIRE_RTSP"):
            pytest.fail(why)
        pytest.skip(why)
    files = {name: trained / f"{name}.mp4" for name in ("a", "b")}
    return lambda port: rtsp_server(files, port=port, user="admin", password="geheim")


class Running:
    """A watcher in a thread."""

    def __init__(self, cameras, model):
        self.kept = Kept()
        self.watcher = Watcher(Captures(cameras), model, [self.kept])
        self.thread = threading.Thread(target=self.watcher.run, daemon=True)

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *exception):
        self.watcher.stop()
        self.thread.join(30)
        assert not self.thread.is_alive()


def test_rtsp_is_scored_as_its_file_and_goes_on_when_its_server_returns(
    trained, served, tmp_path, monkeypatch
):
    monkeypatch.setattr(capture, "FIRST_WAIT", 0.2)
    monkeypatch.setattr(capture, "LONGEST_WAIT", 0.5)
    port, model = free_port(), live_model(trained / "run")
    cameras = []
    for name in ("a", "b"):
        place = tmp_path / name
        place.write_text(f"rtsp://admin:geheim@127.0.0.1:{port}/{name}")
        place.chmod(0o600)
        cameras.append(camera_at(f"@{place}", name))
    with Running(cameras, model) as running:
        kept = running.kept
        wait_until(lambda: {each.connection for each in kept.states} >= {"lost"})  # nobody serves yet
        with served(port):
            wait_until(lambda: all(len(kept.of(name)) >= 5 for name in ("a", "b")))
        before = len(kept.states)
        wait_until(lambda: any(each.connection == "lost" for each in kept.states[before:]))
        with served(port):
            # By arrival: what the first server sent may still wait for its scores.
            back = time.time()
            wait_until(lambda: all(kept.of(name)[-1].arrived[0] > back for name in ("a", "b")))
    files = watched([file_camera(trained / f"{name}.mp4") for name in ("a", "b")], model)
    for name in ("a", "b"):
        segments, expected = kept.of(name), files.of(name)
        # The stream ends and begins again, as the file would.
        for ours, theirs in zip(segments[:4], expected, strict=True):
            np.testing.assert_array_equal(ours.rows[0], theirs.rows[0])
            assert ours.score == pytest.approx(theirs.score, abs=1e-6)
            assert ours.time_span == pytest.approx(theirs.time_span, abs=2e-3)
        assert segments[4].restarted
        assert next(each for each in segments if each.arrived[0] > back).restarted
        assert (np.diff([each.time_span for each in segments], axis=0) > 0).all()
        assert (np.diff([each.frame_span for each in segments], axis=0) > 0).all()
        assert [each.number for each in segments] == list(range(len(segments)))
    assert "geheim" not in "".join(each.detail for each in kept.states)


def test_a_change_of_resolution_starts_the_segment_over(trained):
    sizes = [(64, 48)] * 20 + [(96, 64)] * 24  # fewer than a rate is measured of
    parts = [jpeg(*size, number) for number, size in enumerate(sizes)]
    with http_camera(parts, fps=100) as server:
        with Running([camera_at(server.address)], live_model(trained / "run")) as running:
            kept = running.kept
            wait_until(lambda: sum(each.restarted for each in kept.segments) >= 2)
            wait_until(lambda: len(kept.segments) >= 4)
    first, second, *_ = (number for number, each in enumerate(kept.segments) if each.restarted)
    # 20 frames are a segment and a quarter; the next one begins with the first frame of the new size.
    assert (first, second) == (0, 2) and kept.segments[2].frame_span == (20, 36)
    assert kept.segments[1].frame_span == (16, 20)
    shapes = {each.number: each.pixels.shape for each in kept.frames}
    assert shapes[19] == (48, 64, 3) and shapes[20] == (64, 96, 3)


def test_a_zone_is_black_before_anything_looks_at_it(trained):
    ignored = np.zeros((64, 96), bool)
    ignored[:, :48] = True
    kept = watched([file_camera(trained / "a.mp4", ignored=ignored)], live_model(trained / "run"))
    assert all((each.pixels[:, :48] == 0).all() and each.pixels[:, 48:].any() for each in kept.frames)
    plain = watched([file_camera(trained / "a.mp4")], live_model(trained / "run"))
    assert not np.array_equal(kept.segments[0].rows[0], plain.segments[0].rows[0])


def test_a_folder_that_grows_is_scored_file_by_file_once_each_is_complete(trained, tmp_path, monkeypatch):
    from score.live.sources import folder_source

    monkeypatch.setattr(folder_source, "SETTLED_SECONDS", 0.5)
    content = (trained / "a.mp4").read_bytes()
    with Running([camera_at(str(tmp_path))], live_model(trained / "run")) as running:
        kept = running.kept
        (tmp_path / "clip_9.mp4").write_bytes(content)
        with (tmp_path / "clip_10.mp4").open("wb") as growing:
            growing.write(content[:2000])
            growing.flush()
            wait_until(lambda: len(kept.segments) == 4)
            growing.write(content[2000:])
        wait_until(lambda: len(kept.segments) == 8)
    rows = [each.rows[0] for each in kept.segments]
    np.testing.assert_array_equal(rows[:4], rows[4:])
    assert [each.restarted for each in kept.segments] == [True, False, False, False] * 2
    assert [each.frame_span[0] for each in kept.segments] == list(range(0, 128, 16))


def test_the_program_shows_no_secret_and_ends_cleanly(trained, served, tmp_path):
    port, scores = free_port(), tmp_path / "scores.jsonl"
    secret = f"rtsp://admin:geheim@127.0.0.1:{port}/a"
    words = ["watch", "env:GATE", str(trained / "b.mp4"), "--checkpoint", str(trained / "run")]
    words += ["--json", str(scores), "--device", "cpu"]
    command = [sys.executable, "-m", "score.cli", *words]
    with (
        served(port) as server,
        subprocess.Popen(
            command, stderr=subprocess.PIPE, text=True, env={**os.environ, "GATE": secret}
        ) as program,
    ):
        try:
            # Its start takes seconds, and on a busy machine a minute.
            wait_until(lambda: scores.exists() and scores.read_text().count('"camera": "b"') == 4, 200)
            wait_until(lambda: '"camera": "127.0.0.1"' in scores.read_text())
            process = psutil.Process(program.pid)
            assert "geheim" not in " ".join(process.cmdline())
            for child in process.children(recursive=True):
                assert "geheim" not in str(child.environ()) + " ".join(child.cmdline())
            server.kill()
            assert program.stderr is not None
            said = []
            while not any("lost: " in line for line in said):
                said.append(program.stderr.readline())
            program.send_signal(signal.SIGINT)
            said.append(program.stderr.read())
            assert program.wait(60) == 130
        finally:
            program.kill()
    text = "".join(said)
    assert "geheim" not in text + scores.read_text() and "Traceback" not in text
    assert f"127.0.0.1 (rtsp://127.0.0.1:{port})" in text and "delay at 25 frames/s:" in text
    lines = [json.loads(line) for line in scores.read_text().splitlines()]
    assert [each["frames"] for each in lines if each["camera"] == "b"] == [
        [n, n + 16] for n in range(0, 64, 16)
    ]


def test_a_damaged_file_is_named_and_the_others_are_scored(trained, tmp_path):
    (tmp_path / "damaged.mp4").write_bytes((trained / "a.mp4").read_bytes()[:3000])
    words = ["watch", str(tmp_path / "damaged.mp4"), str(trained / "b.mp4")]
    done = CliRunner().invoke(
        main,
        [
            *words,
            "--checkpoint",
            str(trained / "run"),
            "--device",
            "cpu",
            "--json",
            str(tmp_path / "s.jsonl"),
        ],
    )
    assert done.exit_code == 1 and "failed: damaged: damaged.mp4" in done.stderr
    assert len((tmp_path / "s.jsonl").read_text().splitlines()) == 4


def test_wrong_calls_are_one_line(trained):
    for words, said in (
        ([], "nothing to watch"),
        (["rtsp://admin:geheim@h/x"], "chmod 600 FILE and give @FILE"),
        ([str(trained / "a.mp4"), str(trained / "a.mp4")], "have the same address"),
        ([str(trained / "a.mp4"), "--every", "often"], "expected frames, like 8"),
    ):
        done = CliRunner().invoke(main, ["watch", *words, "--checkpoint", str(trained / "run")])
        assert done.exit_code == 2 and said in done.stderr and "geheim" not in done.stderr
        assert len(done.stderr.strip().splitlines()) == 1
