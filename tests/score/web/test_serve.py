"""vad-score serve: videos in, intervals out, and one line for whatever is wrong."""

import io
import json
import os
import re
import shutil
import signal
import socket
import stat
import subprocess
import sys
import threading
import time
from datetime import datetime, timezone
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from click.testing import CliRunner

pytest.importorskip("uvicorn", reason="needs uvicorn (extra live)")
pytest.importorskip("prometheus_client", reason="needs prometheus-client (extra live)")

import jsonschema

from score.cli import main
from score.jobs.scoring_server import ScoringServer
from score.jobs.scoring_settings import ScoringSettings
from score.web.access_token import AccessToken, read_token
from score.web.alert_events import AlertEvents
from score.web.gate import Gate
from score.web.interface_description import description
from score.web.scoring_interface import ScoringInterface
from score.web.web_server import WebServer
from support.processes import listening
from support.tiny_checkpoints import make_features, train_head
from support.waiting import wait_until
from support.web_client import Client, form

# Decode workers start, and a head is trained.
pytestmark = pytest.mark.slow

TOKEN = "a-token-of-many-letters"
ROOT = Path(__file__).resolve().parents[3]
JOB_SECONDS = 240.0  # machines may be busy


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """(run, folder of videos h0, h1 (hectic) and n0, n1)."""
    root = tmp_path_factory.mktemp("made")
    store, videos = make_features(root, each=2)
    return train_head(root / "run", [store], videos, overrides=["train.epochs=20"]), root / "videos"


@pytest.fixture(scope="module")
def served(made, tmp_path_factory):
    """(interface, client); two videos at a time, 1 MB each."""
    folder = tmp_path_factory.mktemp("alerts")
    settings = ScoringSettings((str(made[0]),), max_megabytes=1, max_minutes=0.2, device="cpu", workers=1)
    server = ScoringServer(settings, prefix="vad-serve-test-")
    interface = ScoringInterface(server, max_jobs=2, keep_seconds=600, alerts=AlertEvents(folder))
    web = WebServer().start(Gate(interface.app(), AccessToken(TOKEN)))
    yield interface, Client(web.address, TOKEN)
    web.stop()
    server.shut()
    assert not server.folder.path.exists()


@pytest.fixture
def no_jobs(served):
    """What is left of other tests is removed."""
    interface, _ = served
    for entry in interface.table.all():
        interface.table.remove(entry)


def finished(client, job_id) -> dict:
    def is_over():
        return client.get(f"/jobs/{job_id}").json()["state"] in ("done", "failed", "cancelled")

    wait_until(is_over, JOB_SECONDS, pause=0.1)
    return client.get(f"/jobs/{job_id}").json()


@pytest.mark.usefixtures("no_jobs")
def test_a_video_that_is_sent_gets_what_predict_gives(made, served, tmp_path):
    (run, videos), (interface, client) = made, served
    content = (videos / "h0.mp4").read_bytes()
    sent = client.ask("POST", "/jobs?name=h0.mp4", content)
    job = sent.json()
    assert sent.status == 202 and sent.headers["location"] == f"/jobs/{job['id']}"
    body, kind = form("../../h0.mp4", content)
    second = client.ask("POST", "/jobs", body, Content_Type=kind).json()
    assert (second["video"], second["bytes"]) == ("../../h0.mp4", len(content))
    over = finished(client, job["id"])
    assert (over["state"], over["progress"], over["bytes"]) == ("done", 1.0, len(content))
    assert over["created"] <= over["began"] <= over["ended"] <= time.time()
    found = client.get(f"/jobs/{job['id']}/result").json()
    words = ["predict", str(videos / "h0.mp4"), "--checkpoint", str(run), "--device", "cpu", "--workers", "1"]
    done = CliRunner().invoke(main, [*words, "--json", str(tmp_path / "h0.json")])
    assert done.exit_code == 0, done.output
    expected = json.loads((tmp_path / "h0.json").read_text())
    expected["videos"][0]["path"] = "h0.mp4"  # where it lies on the server means nothing elsewhere
    assert found == expected and found["videos"][0]["intervals"]
    # the form: the same video under another name, whose folders are nowhere
    assert finished(client, second["id"])["state"] == "done"
    other = client.get(f"/jobs/{second['id']}/result").json()["videos"][0]
    assert {**other, "path": "h0.mp4"} == found["videos"][0]
    # nothing but the scores is kept
    files = [each for each in interface.server.folder.path.rglob("*") if each.is_file()]
    assert [each.name for each in files] == [".lock"]
    high = client.get(f"/jobs/{job['id']}/result?threshold=1").json()
    assert high["videos"][0]["intervals"] == [] and high["rule"]["threshold_from"] == "given in the request"
    assert client.ask("DELETE", f"/jobs/{job['id']}").status == 204
    assert client.get(f"/jobs/{job['id']}/result").status == 404


@pytest.mark.usefixtures("no_jobs")
def test_what_is_no_video_is_refused_in_one_line_and_leaves_nothing(served):
    interface, client = served
    cases = [
        (b"", 400, "empty"),
        (b"just words " * 1000, 415, "not a readable video"),
        (b"#EXTM3U\nfile:///etc/passwd\n", 415, "a list of other files"),
        (b"\0" * 1_000_001, 413, "larger than 1.0 MB"),
        (b"\0" * 3_000_000, 413, "larger than 1.0 MB"),
    ]
    for content, status, words in cases:
        refusal = client.ask("POST", "/jobs?name=a%20b.mp4", content)
        assert refusal.status == status and words in refusal.error, refusal
        body, kind = form("<script>.mp4", content)
        refusal = client.ask("POST", "/jobs", body, Content_Type=kind)
        assert refusal.status == status and words in refusal.error, refusal
    # as older clients send names beyond ASCII
    body, kind = form("NAME", b"just words")
    body = body.replace(b'filename="NAME"', b"filename*=utf-8''f%C3%BC%22%20r.avi")
    refusal = client.ask("POST", "/jobs", body, Content_Type=kind)
    assert refusal.status == 415 and refusal.error.startswith("fü_ r.avi is not"), refusal
    assert client.get("/jobs").json() == {"jobs": []}
    assert [each.name for each in interface.server.folder.path.iterdir()] == [".lock"]


@pytest.mark.usefixtures("no_jobs")
def test_forms_that_are_wrong_are_refused(served):
    _, client = served
    body, kind = form("a.mp4", b"x" * 1000)
    twice = body.replace(b"--b0undary--\r\n", b"") + body
    field = body.replace(b'; filename="a.mp4"', b"")
    cases = [
        (body, "multipart/form-data", 400, "without a boundary"),
        (body, "multipart/form-data; boundary=other", 400, "form"),
        (form("a.mp4", b"x" * 1000, ends=False)[0], kind, 400, "cut off"),
        (twice, kind, 400, "several files"),
        (field, kind, 400, "no file"),
        (field.replace(b"x" * 1000, b"x" * 100_000), kind, 413, "besides the video"),
    ]
    for content, stated, status, words in cases:
        refusal = client.ask("POST", "/jobs", content, Content_Type=stated)
        assert refusal.status == status and words in refusal.error, refusal
    assert client.get("/jobs").json() == {"jobs": []}


@pytest.mark.usefixtures("no_jobs")
def test_an_upload_that_breaks_off_leaves_nothing(made, served):
    interface, client = served
    content = (made[1] / "h0.mp4").read_bytes()
    head = (
        "POST /jobs HTTP/1.1\r\nHost: localhost\r\n"
        f"Authorization: Bearer {TOKEN}\r\nContent-Length: {len(content)}\r\n\r\n"
    )
    client.raw(head.encode() + content[: len(content) // 2], ends=True)
    wait_until(lambda: not client.get("/jobs").json()["jobs"], 30)
    wait_until(lambda: len(list(interface.server.folder.path.iterdir())) == 1, 30)
    assert client.raw(head.replace(f"{len(content)}", "some").encode()).split()[1] == b"400"
    # stated sizes are refused before a byte is read
    head = head.replace(f"{len(content)}", "999999999999")
    assert client.raw(head.encode()).split()[1] == b"413"


@pytest.mark.usefixtures("no_jobs")
def test_a_job_that_is_removed_while_its_video_comes_in_says_so(made, served):
    interface, client = served
    content = (made[1] / "h0.mp4").read_bytes()
    head = (
        "POST /jobs HTTP/1.1\r\nHost: localhost\r\n"
        f"Authorization: Bearer {TOKEN}\r\nContent-Length: {len(content)}\r\nConnection: close\r\n\r\n"
    )
    place = urlsplit(client.address)
    with socket.create_connection((place.hostname, place.port), timeout=60) as connection:
        connection.sendall(head.encode() + content[:1000])
        wait_until(lambda: list(interface.server.folder.path.glob("*/upload/*")), 30)
        (job,) = client.get("/jobs").json()["jobs"]
        assert job["state"] == "uploading"
        assert client.ask("DELETE", f"/jobs/{job['id']}").status == 204
        connection.sendall(content[1000:])
        answer = b"".join(iter(lambda: connection.recv(65536), b""))
    assert answer.split()[1] == b"410" and b"was removed while its video came in" in answer
    assert [each.name for each in interface.server.folder.path.iterdir()] == [".lock"]


@pytest.mark.usefixtures("no_jobs")
def test_more_videos_than_allowed_wait_outside_and_a_cancelled_one_makes_room(made, served):
    interface, client = served
    content = (made[1] / "n0.mp4").read_bytes()
    with interface.server.turn:  # as while another video is scored
        jobs = [client.ask("POST", "/jobs", content).json() for _ in range(2)]
        assert [each["before"] for each in jobs] == [0, 1]
        refusal = client.ask("POST", "/jobs", content)
        assert refusal.status == 429 and "2 videos" in refusal.error and refusal.headers["retry-after"]
        waiting = client.get(f"/jobs/{jobs[0]['id']}/result")
        assert waiting.status == 409 and "not done yet" in waiting.error
        assert b'vad_serve_jobs{state="waiting"} 2.0' in client.get("/metrics").body
        assert client.ask("DELETE", f"/jobs/{jobs[0]['id']}").status == 204
        third = client.ask("POST", "/jobs", content)
        assert third.status == 202
        interface.table.get(third.json()["id"]).job.cancel()
        over = finished(client, third.json()["id"])
        assert over["state"] == "cancelled"
        assert client.get(f"/jobs/{over['id']}/result").status == 410
    assert [each["id"] for each in client.get("/jobs").json()["jobs"]] == [jobs[1]["id"], third.json()["id"]]


@pytest.mark.usefixtures("no_jobs")
def test_a_full_disk_is_one_line(made, served, monkeypatch):
    interface, client = served
    content = (made[1] / "n0.mp4").read_bytes()

    class Full(io.RawIOBase):
        def write(self, _data):
            raise OSError(28, "No space left on device")

    monkeypatch.setattr("score.web.upload_stream.open", lambda *_words: Full(), raising=False)
    refusal = client.ask("POST", "/jobs", content)
    assert refusal.status == 507 and refusal.error == "the video cannot be kept here: No space left on device"
    assert client.get("/jobs").json() == {"jobs": []}


@pytest.mark.usefixtures("no_jobs")
def test_a_video_that_is_too_long_and_one_that_fails_say_why(made, served, monkeypatch):
    interface, client = served
    content = (made[1] / "n0.mp4").read_bytes()
    monkeypatch.setattr(interface.server, "settings", ScoringSettings(("run",), max_minutes=0.01))
    refusal = client.ask("POST", "/jobs?name=n0.mp4", content)
    assert refusal.status == 415 and "n0.mp4 is 0.1 minutes long; the limit here is 0.01" in refusal.error
    monkeypatch.undo()
    broken = content[: len(content) // 3] + bytes(len(content) - len(content) // 3)
    sent = client.ask("POST", "/jobs?name=n0.mp4", broken)
    if sent.status == 202:  # else its index was in the part that is gone
        over = finished(client, sent.json()["id"])
        assert over["state"] in ("done", "failed")
        if over["state"] == "failed":
            assert client.get(f"/jobs/{over['id']}/result").error == over["reason"]


def test_results_are_kept_for_a_while_only(made, served, monkeypatch):
    interface, client = served
    job = client.ask("POST", "/jobs", (made[1] / "n0.mp4").read_bytes()).json()
    assert finished(client, job["id"])["state"] == "done"
    monkeypatch.setattr(interface.table, "keep_seconds", 0.0)
    assert client.get(f"/jobs/{job['id']}").status == 404
    assert b'vad_serve_jobs_ended_total{state="done"}' in client.get("/metrics").body


def test_addresses_and_parameters_that_do_not_exist_are_refused(served):
    _, client = served
    for path in (
        "/",
        "/docs",
        "/jobs/..%2f..%2fetc%2fpasswd",
        "/jobs/%00",
        "/jobs/x/result",
        "//jobs",
        "/jobs/",
    ):
        refusal = client.get(path)
        assert refusal.status in (404, 307) and (refusal.status == 307 or refusal.error), path
    assert client.ask("PUT", "/jobs", b"").status == 405
    assert "there is no parameter 'treshold'" in client.get("/jobs/x/result?treshold=1").error
    assert "twice" in client.get("/alerts?limit=1&limit=2").error
    for query in (
        "limit=0",
        "limit=x",
        "since=yesterday",
        "since=-1",
        "limit=nan",
        "camera=a&since=99999999999999999",
    ):
        assert client.get(f"/alerts?{query}").status == 400, query


def test_alerts_are_listed_by_camera_and_time(served):
    interface, client = served
    assert client.get("/alerts").json() == {"alerts": []}
    rows = [
        {"time": f"2026-01-0{day}T12:00:00+00:00", "camera": camera, "event": "new", "id": f"{day}{camera}"}
        for day in (1, 2, 3)
        for camera in ("gate", "<b>yard</b>")
    ]
    text = "".join(json.dumps(each) + "\n" for each in rows)
    interface.alerts.file.write_text(text + "not JSON\n[1]\n" + '{"time": "cut of')

    def ids(query):
        return [each["id"] for each in client.get(f"/alerts?{query}").json()["alerts"]]

    assert ids("") == [each["id"] for each in rows]
    assert ids("camera=gate") == ["1gate", "2gate", "3gate"] and ids("camera=nobody") == []
    assert ids("camera=gate&since=2026-01-02T12:00:00Z") == ["2gate", "3gate"]
    noon = datetime(2026, 1, 2, 12, tzinfo=timezone.utc).timestamp()
    assert ids(f"camera=gate&since={noon + 1}") == ["3gate"]
    assert ids("since=2026-01-02T14:00:00%2B02:00&camera=gate") == ["2gate", "3gate"]
    assert ids("limit=1") == ["3<b>yard</b>"]


def test_the_description_names_every_address_and_holds_for_the_answers(served):
    interface, client = served
    found = client.get("/openapi.json").json()
    assert found == json.loads(json.dumps(description()))
    routes = {
        (route.path, method.lower())
        for route in interface.app().routes
        for method in route.methods
        if method != "HEAD"
    }
    assert {(path, method) for path, methods in found["paths"].items() for method in methods} == routes
    for path, status in (("/jobs", 200), ("/health", 200), ("/alerts", 200), ("/jobs/x", 404)):
        answer = client.get(path)
        template = "/jobs/{id}" if path == "/jobs/x" else path
        schema = found["paths"][template]["get"]["responses"][str(status)]["content"]["application/json"][
            "schema"
        ]
        assert answer.status == status
        jsonschema.validate(answer.json(), {**schema, "components": found["components"]})
    assert "http" not in json.dumps(found).replace('"type": "http"', "")  # nothing is loaded from elsewhere


def test_every_request_of_the_guide_is_answered(made, served, tmp_path):
    """The guide's own lines, at another port and with the id of a job."""
    if not (shutil.which("curl") and shutil.which("openssl")):
        pytest.skip("needs curl and openssl")
    interface, client = served
    lines = re.findall(r"^(?:openssl|curl) .*", (ROOT / "score/README.md").read_text(), re.M)
    (tmp_path / "cam.mp4").write_bytes((made[1] / "n0.mp4").read_bytes())
    job_id, answers = "ID", []
    for line in lines:
        line = line.replace("http://127.0.0.1:8600", client.address).replace("/ID", f"/{job_id}")
        done = subprocess.run(["bash", "-c", line], cwd=tmp_path, capture_output=True, text=True)
        assert done.returncode == 0, f"{line}\n{done.stderr}"
        if line.startswith("openssl"):
            assert read_token(tmp_path / "token").matches((tmp_path / "token").read_text().strip())
            (tmp_path / "header").write_text(f"Authorization: Bearer {TOKEN}")
            continue
        answers.append(json.loads(done.stdout or "null"))
        if "name=" in line:
            job_id = answers[-1]["id"]
            finished(client, job_id)
    assert [sorted(each or {})[0:2] for each in answers] == [["before", "began"]] * 3 + [
        ["failed", "format_version"],
        [],
    ]
    assert client.get(f"/jobs/{job_id}").status == 404


def test_the_program_keeps_its_token_and_cleans_up(made, tmp_path):
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    command = [sys.executable, "-m", "score.cli", "serve", "--checkpoint", str(made[0]), "--port", "0"]
    process = subprocess.Popen(
        [*command, "--device", "cpu", "--workers", "1"],
        cwd=ROOT,
        env={**os.environ, "TMPDIR": str(temporary)},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    guard = threading.Timer(JOB_SECONDS, process.kill)
    guard.start()
    try:
        assert process.stdout is not None
        line = process.stdout.readline()
        assert line.startswith("serving at http://127.0.0.1:"), line
        address, file = line.removeprefix("serving at ").strip().split("; the token is in ")
        assert Path(file).is_relative_to(temporary) and stat.S_IMODE(Path(file).stat().st_mode) == 0o600
        client = Client(address, Path(file).read_text().strip())
        assert listening(process.pid) == {"127.0.0.1"}
        assert client.get("/health").json()["status"] == "ok" and Client(address).get("/health").status == 401
        job = client.ask("POST", "/jobs", (made[1] / "h1.mp4").read_bytes()).json()
        wait_until(lambda: client.get(f"/jobs/{job['id']}").json()["state"] != "waiting", JOB_SECONDS)
        words = (
            Path(f"/proc/{process.pid}/cmdline").read_bytes()
            + Path(f"/proc/{process.pid}/environ").read_bytes()
        )
        assert client.token.encode() not in words
        process.send_signal(signal.SIGTERM)
        rest = process.stdout.read()
        assert process.wait(60) == 143 and client.token not in line + rest and "Traceback" not in rest
        assert not list(temporary.iterdir())
    finally:
        guard.cancel()
        process.kill()
        process.wait()


def test_a_watch_shows_its_cameras_to_those_who_have_the_token(made, tmp_path):
    temporary, alerts = tmp_path / "temporary", tmp_path / "alerts"
    temporary.mkdir()
    command = [
        sys.executable,
        "-m",
        "score.cli",
        "watch",
        str(made[1] / "h0.mp4"),
        "--realtime",
        "--page",
        "0",
    ]
    process = subprocess.Popen(
        [*command, "--checkpoint", str(made[0]), "--device", "cpu", "--alerts", str(alerts)],
        cwd=ROOT,
        env={**os.environ, "TMPDIR": str(temporary)},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    guard = threading.Timer(JOB_SECONDS, process.kill)
    guard.start()
    try:
        assert process.stdout is not None
        line = next(line for line in process.stdout if line.startswith("the page is at "))
        address, file = line.removeprefix("the page is at ").strip().split("; the token is in ")
        client = Client(address, Path(file).read_text().strip())
        assert Client(address).get("/live").status == 401
        seen: list[dict] = []  # pictures come before the first state

        def shows() -> bool:
            seen[:] = client.get("/live").json()["cameras"]
            return seen[0]["frame"] is not None and seen[0]["connection"] != "connecting"

        wait_until(shows, JOB_SECONDS)
        (camera,) = seen
        assert camera["name"] == "h0" and camera["connection"] == "live" and camera["threshold"] is not None
        assert client.get("/cameras/0/frame.jpg").body[:2] == b"\xff\xd8"
        rest = process.stdout.read()
        assert process.wait(60) == 0 and client.token not in line + rest
        assert not list(temporary.iterdir())
    finally:
        guard.cancel()
        process.kill()
        process.wait()


@pytest.mark.parametrize(
    "words, expected",
    [
        (["--page", "nonsense"], "expected [HOST:]PORT"),
        (["--page", "0", "--token-file", "nowhere"], "no such file"),
        (["--token-file", "nowhere"], "give --page too"),
        (["--name", "proxy.example"], "--name is for the page"),
    ],
)
def test_wrong_options_of_a_page_are_one_line(made, words, expected):
    command = ["watch", str(made[1] / "h0.mp4"), "--checkpoint", str(made[0])]
    done = CliRunner().invoke(main, [*command, *words])
    assert done.exit_code == 2 and expected in done.output.splitlines()[-1]


@pytest.mark.parametrize(
    "words, expected",
    [
        (["--token-file", "nowhere"], "no such file"),
        (["--port", "99999"], "65535"),
        (["--alerts", "nowhere"], "does not exist"),
        (["--host", "no.such.host.invalid"], "cannot listen"),
        (["--checkpoint", "nowhere"], "nowhere"),
    ],
)
def test_wrong_options_are_one_line(made, words, expected):
    given = [] if "--checkpoint" in words else ["--checkpoint", str(made[0])]
    done = CliRunner().invoke(main, ["serve", *given, "--port", "0", *words])
    assert done.exit_code == 2 and expected in done.output.splitlines()[-1]
