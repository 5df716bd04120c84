"""The page of a watch over HTTP: frames, scores, alerts, clips, and what people say about them."""

import io
import json
import math

import numpy as np
import pytest
from PIL import Image

pytest.importorskip("uvicorn", reason="needs uvicorn (extra live)")

from score.alerts.alert_folder import AlertFolder, is_held
from score.alerts.alert_listener import AlertListener
from score.alerts.alert_rule import AlertRule
from score.alerts.outputs.event_file import EventFile
from score.alerts.watch_events import LiveFrame
from score.feedback.feedback_list import FeedbackList
from score.web.access_token import AccessToken
from score.web.alert_events import AlertEvents
from score.web.gate import Gate
from score.web.live_board import MAX_ALERTS, LiveBoard
from score.web.live_camera import PICTURE_SIDE
from score.web.live_page import PUBLIC, LivePage
from score.web.verdicts import Verdicts
from score.web.web_server import WebServer
from support.live_driver import FPS, LENGTH, LiveDriver
from support.tiny_checkpoints import block_video
from support.waiting import wait_until
from support.web_client import Client

TOKEN = "a-token-of-many-letters"
RULE = AlertRule(0.6, median_segments=1, minimum_seconds=0.0, quiet_seconds=1.0, cool_down_seconds=1.0)
JSON = "application/json"
HOSTILE = "</script><img src=x onerror=alert(1)>"


class Watch:
    """Two cameras, one with a hostile name, whose yard has one alert that is over."""

    def __init__(self, folder):
        self.folder = AlertFolder(folder)
        self.board = LiveBoard({"yard": "Back door", HOSTILE: ""})
        self.alerts = AlertListener(
            RULE, folder=self.folder, outputs=[EventFile(self.folder.events), self.board]
        )
        self.board.threshold_of = lambda _camera: RULE.threshold
        self.verdicts = Verdicts(self.folder.root, keep_recent=self.alerts.keep_recent)
        self.page = LivePage(self.board, AccessToken(TOKEN), folder=self.folder.root, verdicts=self.verdicts)
        self.web = WebServer().start(Gate(self.page.app(), AccessToken(TOKEN), public=PUBLIC))
        self.client = Client(self.web.address, TOKEN)
        self.driver = LiveDriver([self.board, self.alerts])
        self.video = block_video(0, hectic=True)
        for camera, scores in (("yard", [0.1, 0.1, 0.8, 0.9, 0.1, 0.1, 0.1, 0.1]), (HOSTILE, [0.2] * 8)):
            self.driver.scores(camera, scores, self.video)
            self.driver.state(camera)
        wait_until(lambda: any(not each["open"] for each in self.state()["alerts"]), 30)

    def state(self, query="") -> dict:
        return self.client.get(f"/live?{query}").json()

    def say(self, path, **values):
        return self.client.ask("POST", path, json.dumps(values), Content_Type=JSON)

    def close(self):
        self.web.stop()
        self.alerts.close()


@pytest.fixture(scope="module")
def watch(tmp_path_factory):
    found = Watch(tmp_path_factory.mktemp("watch") / "alerts")
    yield found
    found.close()


def test_the_state_holds_what_the_cameras_sent(watch):
    state = watch.state()
    assert [each["name"] for each in state["cameras"]] == ["yard", HOSTILE]
    yard = state["cameras"][0]
    assert (yard["connection"], yard["place"], yard["threshold"], yard["fps"], yard["scored_fps"]) == (
        "live",
        "Back door",
        0.6,
        FPS,
        4.0,
    )
    assert yard["frame"] == 8 * LENGTH - 1 and yard["score"] == 0.1
    times, scores, gaps = zip(*yard["points"], strict=True)
    assert list(scores) == [0.1, 0.1, 0.8, 0.9, 0.1, 0.1, 0.1, 0.1] and gaps == (True, *[False] * 7)
    assert np.diff(times) == pytest.approx([LENGTH / FPS] * 7, abs=2e-3)


def test_a_page_asks_only_for_what_it_does_not_have(watch):
    state = watch.state()
    again = watch.state(f"after={state['sequence']}&alerts={state['alerts_version']}")
    assert [each["points"] for each in again["cameras"]] == [[], []] and "alerts" not in again
    later = watch.state(f"after={state['sequence'] - 1}")
    assert sum(len(each["points"]) for each in later["cameras"]) == 1 and "alerts" in later
    for query in ("after=x", "after=-1", "alerts=nan", "after=1&after=2", "camera=yard"):
        assert watch.client.get(f"/live?{query}").status == 400


def test_the_picture_is_the_newest_frame_and_small(watch):
    answer = watch.client.get("/cameras/0/frame.jpg")
    picture = np.asarray(Image.open(io.BytesIO(answer.body)).convert("RGB"), float)
    sent = watch.video[7 * LENGTH + LENGTH - 1]
    assert answer.headers["x-frame"] == str(8 * LENGTH - 1) and picture.shape == sent.shape
    assert np.abs(picture - sent).mean() < 12  # JPEG of a small, detailed picture
    board = LiveBoard()
    board.frame(LiveFrame("large", 0, 0.0, 0.0, np.zeros((1080, 1920, 3), np.uint8)))
    assert Image.open(io.BytesIO(board.picture(0)[1])).size == (PICTURE_SIDE, PICTURE_SIDE * 1080 // 1920)
    board.frame(LiveFrame("thin", 0, 0.0, 0.0, np.zeros((1, 3000, 3), np.uint8)))
    assert Image.open(io.BytesIO(board.picture(1)[1])).size == (PICTURE_SIDE, 1)


def test_an_alert_has_its_picture_and_a_clip_that_can_be_sought(watch):
    (alert,) = [each for each in watch.state()["alerts"] if each["event"] == "end"]
    assert (alert["camera"], alert["peak_score"], alert["open"]) == ("yard", 0.9, False)
    picture = watch.client.get(f"/alerts/{alert['id']}/picture.jpg")
    assert picture.headers["content-type"] == "image/jpeg" and Image.open(io.BytesIO(picture.body)).size == (
        96,
        64,
    )
    clip = watch.client.get(f"/alerts/{alert['id']}/clip.mp4")
    assert clip.headers["content-type"] == "video/mp4" and clip.body[4:8] == b"ftyp"
    part = watch.client.get(f"/alerts/{alert['id']}/clip.mp4", Range="bytes=4-7")
    assert (part.status, part.body) == (206, b"ftyp")


def test_no_address_leads_out_of_the_folder(watch):
    root = watch.folder.root
    secret = root.parent / "secret.mp4"
    secret.write_bytes(b"secret")
    name = "20260101T000000-yard-00000000"
    (root / "clips" / f"{name}.mp4").symlink_to(secret)
    (root / "pictures" / f"{name}.jpg").mkdir()
    for alert_id in ("..%2fsecret", "..", "%2e%2e%2f%2e%2e%2fsecret", name, f"{name}%00", "x" * 5000, "%ff"):
        for file in ("clip.mp4", "picture.jpg"):
            answer = watch.client.get(f"/alerts/{alert_id}/{file}")
            assert answer.status == 404 and b"secret" not in answer.body, alert_id
        assert watch.say(f"/alerts/{alert_id}/verdict", kind="acknowledged", note="").status == 404
    for number in ("2", "99999999999999999999", "9" * 5000, "-1", "x", "0%00"):
        assert watch.client.get(f"/cameras/{number}/frame.jpg").status == 404


def test_a_false_alarm_is_in_the_list_that_training_reads(watch):
    (alert,) = [each for each in watch.state()["alerts"] if each["event"] == "end"]
    note = f"a cat\n{HOSTILE}\u202e"
    assert watch.say(f"/alerts/{alert['id']}/verdict", kind="acknowledged", note="on my way").status == 201
    answer = watch.say(f"/alerts/{alert['id']}/verdict", kind="false alarm", note=note)
    assert answer.status == 201, answer.body
    (row,) = FeedbackList(watch.folder.root).rows()
    assert (row.video_id, row.label, row.event_class, row.camera) == (
        alert["id"],
        "false alarm",
        "Normal",
        "yard",
    )
    assert row.note == f"a cat {HOSTILE}\\u202e"  # one line, and nothing that turns the direction of text
    shown = next(each for each in watch.state()["alerts"] if each["id"] == alert["id"])
    assert [(each["kind"], each["note"]) for each in shown["verdicts"]] == [
        ("acknowledged", "on my way"),
        ("false alarm", row.note),
    ]
    assert is_held(watch.folder.root, alert["id"])
    # a watch that starts again knows them, and which alerts are over
    events = AlertEvents(watch.folder.root).read(limit=MAX_ALERTS)
    again = LiveBoard(alerts=events, verdicts=watch.verdicts.known()).snapshot()["alerts"]
    assert [each["verdicts"] for each in again if each["id"] == alert["id"]] == [shown["verdicts"]]
    assert not any(each["open"] for each in again)


def test_a_missed_moment_is_kept_and_labelled(watch):
    answer = watch.say("/cameras/1/missed", seconds=2, note="nobody saw it")
    assert answer.status == 201, answer.body
    kept = answer.json()
    assert (kept["kind"], kept["camera"]) == ("missed", HOSTILE)
    assert watch.client.get(f"/alerts/{kept['id']}/clip.mp4").status == 200
    row = next(each for each in FeedbackList(watch.folder.root).rows() if each.video_id == kept["id"])
    assert (row.label, row.event_class, row.note) == ("missed", "Anomaly", "nobody saw it")
    shown = next(each for each in watch.state()["alerts"] if each["id"] == kept["id"])
    assert (shown["event"], shown["open"], shown["verdicts"][0]["kind"]) == ("missed", False, "missed")


def test_wrong_words_are_refused_in_one_line_and_write_nothing(watch):
    before = sorted((each, each.stat().st_size) for each in watch.folder.root.rglob("*.tsv"))
    (alert,) = [each for each in watch.state()["alerts"] if each["event"] == "end"]
    path = f"/alerts/{alert['id']}/verdict"
    cases = [
        (path, {"kind": "nonsense", "note": ""}, 422, "no verdict"),
        (path, {"kind": "false alarm", "note": "x" * 1001}, 422, "1001 characters"),
        (path, {"kind": "false alarm", "note": "x" * 20_000}, 413, "larger"),
        (path, {"kind": "false alarm"}, 400, "kind, note"),
        (path, {"kind": "false alarm", "note": 1}, 400, "note is of the wrong type"),
        (path, {"kind": "false alarm", "note": "", "more": 1}, 400, "kind, note"),
        ("/cameras/0/missed", {"seconds": 0, "note": ""}, 400, "from 1 to 600"),
        ("/cameras/0/missed", {"seconds": True, "note": ""}, 400, "seconds is of the wrong type"),
        ("/cameras/9/missed", {"seconds": 10, "note": ""}, 404, "no such camera"),
    ]
    for place, values, status, words in cases:
        answer = watch.say(place, **values)
        assert answer.status == status and words in answer.error, values
    nan = watch.client.ask(
        "POST", "/cameras/0/missed", '{"seconds": NaN, "note": ""}', Content_Type="application/json"
    )
    assert nan.status == 400
    for body, kind in (
        (b"{}", "text/plain"),
        (b"[" * 10_000, "application/json"),
        (b"\xff", "application/json"),
    ):
        assert watch.client.ask("POST", path, body, Content_Type=kind).status in (400, 415)
    assert before == sorted((each, each.stat().st_size) for each in watch.folder.root.rglob("*.tsv"))


def test_logging_in_gives_a_session_and_never_the_token(watch):
    browser = Client(watch.web.address)
    page = browser.get("/login")
    assert page.status == 200 and b"<script" not in page.body and browser.get("/live.css").status == 200
    assert browser.get("/live.js").status == 401 and browser.get("/live").status == 401
    form = {"Content_Type": "application/x-www-form-urlencoded"}
    wrong = browser.ask("POST", "/login", "token=wrong", **form)
    assert wrong.status == 401 and b"not the token" in wrong.body and "set-cookie" not in wrong.headers
    foreign = browser.ask("POST", "/login", f"token={TOKEN}", Origin="http://evil.example", **form)
    assert foreign.status == 403 and "set-cookie" not in foreign.headers
    right = browser.ask("POST", "/login", f"token={TOKEN}", Origin=watch.web.address, **form)
    cookie = right.headers["set-cookie"]
    assert (right.status, right.headers["location"]) == (303, "/")
    assert "HttpOnly" in cookie and "SameSite=Strict" in cookie and TOKEN not in cookie
    session = {"Cookie": cookie.partition(";")[0]}
    page = browser.get("/", **session)
    assert page.status == 200 and TOKEN.encode() not in page.body
    assert (
        browser.ask("POST", "/cameras/0/missed", "{}", Content_Type="application/json", **session).status
        == 403
    )
    out = browser.ask("POST", "/logout", "", Origin=watch.web.address, **session)
    assert out.status == 303 and "Max-Age=0" in out.headers["set-cookie"]


def test_a_board_forgets_old_points_and_old_alerts():
    board = LiveBoard({"yard": ""})
    driver = LiveDriver([board], began=1000.0)
    driver.scores("yard", [0.5] * 20, block_video(0, hectic=False))
    last = 1000.0 + (20 * LENGTH - 1) / FPS
    assert len(board.snapshot(now=last)["cameras"][0]["points"]) == 20
    # those that arrived in the last 300 s
    now = last + 300 - 2.2 * LENGTH / FPS
    assert len(board.snapshot(now=now)["cameras"][0]["points"]) == 3
    assert board.snapshot(now=last + 301)["cameras"][0]["points"] == []
    names = [f"20260101T000000-yard-{number:08x}" for number in range(MAX_ALERTS + 5)]
    events = [
        {"id": names[number], "event": "end", "camera": "yard", "start": f"2026-01-01T00:00:{number:02}"}
        for number in range(MAX_ALERTS + 5)
    ]
    found = LiveBoard(alerts=events).snapshot()["alerts"]
    assert [each["id"] for each in found] == names[:4:-1]
    assert math.isfinite(board.snapshot()["now"]) and board.snapshot()["alerts"] == []


def test_an_old_folder_with_damaged_lines_is_still_shown(tmp_path):
    good = {"id": "20260101T000000-yard-00000001", "event": "end", "camera": "yard", "peak_score": 0.9}
    lines = [
        json.dumps({**good, "id": "20260101T000000-yard-00000002", "peak_score": math.nan}),
        json.dumps({**good, "id": "20260101T000000-yard-00000003", "camera": ["\ud800"]}),
        json.dumps({**good, "id": "../../cameras/0/missed?"}),
        json.dumps(good),
        '{"id": "20260101T0000',
    ]
    (tmp_path / "alerts.jsonl").write_text("\n".join(lines))
    verdict = {"time": "", "id": good["id"], "camera": "yard", "kind": "nonsense", "note": ""}
    seen = {**verdict, "kind": "acknowledged"}
    (tmp_path / "acknowledgements.jsonl").write_text(f"{json.dumps(verdict)}\n{json.dumps(seen)}\n[]\n")
    said = Verdicts(tmp_path).known()
    board = LiveBoard(alerts=AlertEvents(tmp_path).read(limit=MAX_ALERTS), verdicts=said)
    (shown,) = board.snapshot()["alerts"]
    assert shown["id"] == good["id"] and [each["kind"] for each in shown["verdicts"]] == ["acknowledged"]
    assert [each.kind for each in said] == ["acknowledged"]
    assert json.dumps(board.snapshot(), allow_nan=False)


def test_who_has_no_token_cannot_hold_a_connection(watch, monkeypatch):
    monkeypatch.setattr("score.web.request_values.BODY_SECONDS", 0.2)
    head = "POST /login HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100\r\n\r\ntoken="
    assert watch.client.raw(head.encode()).split()[1] == b"408"
