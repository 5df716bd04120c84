"""vad-score app in a real browser: upload, intervals, timeline, threshold and downloads, without network."""

import csv
import io
import json
import os
import time
import urllib.request
from contextlib import contextmanager
from types import SimpleNamespace

import av
import pytest

from data_lists import resolve_lists
from extract.store import FeatureStore
from score.app.store_browser import score_stores
from score.predict.predictor import load_model
from support.app_server import make, serving
from support.browser import INSIDE, PHONE, Visit
from support.processes import is_alive
from support.video_corpus import write_video

pytestmark = pytest.mark.slow

pytest.importorskip("streamlit", reason="needs streamlit (extra app)")

TIMEOUT = 240_000  # milliseconds; machines may be busy
CLIP_SECONDS = 24


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    return make(tmp_path_factory.mktemp("made"))


@pytest.fixture(scope="module")
def server(made, tmp_path_factory):
    folder = tmp_path_factory.mktemp("app")
    (folder / "cameras.tsv").write_text("camera\tplace\nh1\tBack *door*\n")
    words = {
        "--checkpoint": made.run,
        "--store": made.store,
        "--list": made.list,
        "--videos": made.videos,
        "--cameras": folder / "cameras.tsv",
        "--alerts": folder / "alerts.jsonl",
    }
    with serving(folder, *(str(each) for pair in words.items() for each in pair)) as server:
        yield server


@pytest.fixture
def open_page(chromium, server):
    """Opens the app: open_page(width) -> Visit. Requests to other machines are recorded and blocked."""
    with opening(chromium, server.address) as opener:
        yield opener


@contextmanager
def opening(chromium, address):
    contexts = []

    def opener(width=1280) -> Visit:
        context = chromium.new_context(viewport={"width": width, "height": 900}, is_mobile=width <= PHONE)
        contexts.append(context)
        own = (address, address.replace("http", "ws"), *INSIDE)
        visit = Visit(context.new_page())
        context.route(lambda url: not url.startswith(own), lambda route: route.abort())
        context.on("request", lambda request: request.url.startswith(own) or visit.left.append(request.url))
        visit.page.on("websocket", lambda socket: socket.url.startswith(own) or visit.left.append(socket.url))
        visit.page.on("pageerror", lambda error: visit.errors.append(str(error)))
        visit.page.on("console", lambda said: said.type == "error" and visit.errors.append(said.text))
        visit.page.set_default_timeout(TIMEOUT)
        visit.page.goto(address)
        visit.page.get_by_text("Drop a video here").wait_for(timeout=TIMEOUT)
        return visit

    yield opener
    for context in contexts:
        context.close()


@pytest.fixture
def clip(made, request, tmp_path):
    """The first seconds of a real video if the test data are there, else a hectic video."""
    if not os.environ.get("VAD_TEST_DATA"):
        return made.videos / "h0.mp4"
    source = request.getfixturevalue("test_data") / "ucf_crime" / "videos" / "Explosion001_x264.mp4"
    path = tmp_path / source.name
    with av.open(str(source)) as given, av.open(str(path), "w") as cut:
        stream = cut.add_stream_from_template(given.streams.video[0])
        for packet in given.demux(given.streams.video[0]):
            if packet.dts is not None and packet.dts * packet.time_base < CLIP_SECONDS:
                packet.stream = stream
                cut.mux(packet)
    return path


HOSTILE = "</script><img src=x onerror=top.hit=1>![](http://127.0.0.1:9/a.png)" + "x" * 120


def send_as(visit, name, data):
    visit.page.set_input_files("input[type=file]", {"name": name, "mimeType": "video/mp4", "buffer": data})


def send(visit, *files):
    visit.page.set_input_files("input[type=file]", *files)


def viewer(visit, name):
    """The frame of the viewer, once it shows the video."""
    limit = time.monotonic() + TIMEOUT / 1000
    while time.monotonic() < limit:
        for frame in visit.page.frames:
            if frame.url == "about:srcdoc" and frame.title() == name:
                frame.locator("#threshold").wait_for(timeout=TIMEOUT)
                return frame
        visit.page.wait_for_timeout(50)
    raise AssertionError(f"no viewer of {name}: {visit.page.inner_text('body')}")


def until(visit, frame, condition):
    for _ in range(TIMEOUT // 50):
        if frame.evaluate(condition):
            return
        visit.page.wait_for_timeout(50)
    raise AssertionError(f"never: {condition}")


def overflow(visit):
    """Pixels by which the page, or a viewer in it, is wider than its place. Streamlit hides what overflows
    around them, so the window itself never scrolls."""
    wide = "each => each.scrollWidth - each.clientWidth"
    frames = [frame for frame in visit.page.frames if frame.url == "about:srcdoc"]
    places = [visit.page.locator("[data-testid=stMain]"), *(frame.locator("html") for frame in frames)]
    return max(place.evaluate(wide) for place in places)


def worst_mistake(made):
    """The mistake that the store view must show first."""
    job = SimpleNamespace(report=lambda _stage, _share: None)
    stores, listed = [FeatureStore(made.store)], resolve_lists([str(made.list)])
    return score_stores(job, load_model(made.run), stores, listed).mistakes[0]


def download(visit, kind):
    with visit.page.expect_download(timeout=TIMEOUT) as taken:
        visit.page.locator(f".st-key-download_{kind} button").click(timeout=TIMEOUT)
    return taken.value.path()


def test_a_video_is_scored_watched_and_downloaded(open_page, clip, server):
    visit = open_page()
    send(visit, clip)
    frame = viewer(visit, clip.name)
    until(visit, frame, "player.readyState >= 1")
    # A click on the timeline seeks.
    frame.locator("#timeline").click(position={"x": 300, "y": 60})
    until(visit, frame, "player.currentTime > 0.2 && !player.seeking")
    # Moving the threshold updates the intervals at once, and the downloads follow.
    highest = frame.evaluate("Math.max(...video.timeline.score)")
    for threshold in (1.0, highest * 0.9):
        frame.evaluate(
            "value => { const slider = document.getElementById('threshold'); slider.value = value;"
            " for (const name of ['input', 'change']) slider.dispatchEvent(new Event(name)); }",
            threshold,
        )
        shown = frame.evaluate("intervals")
        visit.page.get_by_text(f"at the threshold {threshold:.3f}").wait_for(timeout=TIMEOUT)
    assert shown and frame.locator("#intervals li").count() == len(shown)
    assert frame.locator("#intervals img").first.get_attribute("src").startswith("data:image/jpeg")
    values = json.loads(download(visit, "json").read_text())
    starts = [each["start_frame"] for each in values["videos"][0]["intervals"]]
    assert starts == [each["start_frame"] for each in shown] and values["videos"][0]["video"] == clip.stem
    rows = list(csv.DictReader(io.StringIO(download(visit, "csv").read_text())))
    assert [int(row["start_frame"]) for row in rows] == starts
    vtt = download(visit, "vtt").read_text()
    assert vtt.startswith("WEBVTT\n") and vtt.count(" --> ") == len(starts)
    visit.page.get_by_role("button", name="Draw the annotated video").click()
    with av.open(str(download(visit, "mp4"))) as drawn:
        assert sum(1 for _ in drawn.decode(video=0)) == values["videos"][0]["frames"]
    assert (visit.errors, visit.left, overflow(visit)) == ([], [], 0)
    # Closing removes everything; Streamlit's own copy of the upload went when the file was stored.
    with urllib.request.urlopen(f"{server.address}/_stcore/metrics") as metrics:
        assert b"UploadedFileManager" not in metrics.read()
    visit.page.get_by_role("button", name="Close this video").click()
    for _ in range(200):
        if not server.children() and not server.jobs():
            break
        visit.page.wait_for_timeout(50)
    assert not server.children() and not server.jobs()


def test_the_moment_of_the_worst_mistake_is_one_click_away(open_page, made):
    worst, visit = worst_mistake(made), open_page()
    visit.page.get_by_text("Feature store", exact=True).click()
    visit.page.get_by_role("button", name="Score every video of the store").click(timeout=TIMEOUT)
    pill = visit.page.locator(".st-key-look").get_by_text(f"{worst.kind}: {worst.video_id}", exact=True).first
    pill.click(timeout=TIMEOUT)
    frame = viewer(visit, worst.video_id)
    until(visit, frame, f"player.readyState >= 1 && Math.abs(player.currentTime - {worst.seconds}) < 0.2")
    assert worst.seconds > 0.4 and frame.evaluate("player.paused")  # it did not play up to there
    assert (visit.errors, visit.left, overflow(visit)) == ([], [], 0)


@pytest.mark.parametrize("place", ["[data-testid=stMain]", "body"])
def test_overflow_is_measured(open_page, made, place):
    visit = open_page(PHONE)
    send(visit, made.videos / "n0.mp4")
    frame = viewer(visit, "n0.mp4")
    assert overflow(visit) == 0
    element = "Object.assign(document.createElement('div'), {style: 'width: 3000px; height: 1px'})"
    wide = f"each => each.append({element})"
    (frame if place == "body" else visit.page).locator(place).evaluate(wide)
    assert overflow(visit) > 1000


def test_bad_files_are_explained_and_a_second_upload_ends_the_first(open_page, made, server, tmp_path):
    # Takes far longer than the second upload, which would otherwise find nothing to end.
    long = write_video(tmp_path / "long.mp4", 3000, width=320, height=240, options={"preset": "ultrafast"})
    before = server.jobs()  # pages of other tests may still be connected
    visit, other = open_page(PHONE), open_page(PHONE)
    send_as(visit, f"../../{HOSTILE}notes.mp4", b"not a video, " * 500)
    visit.page.get_by_text("notes.mp4 is not a readable video (it contains text)").wait_for(timeout=TIMEOUT)
    send(other, made.videos / "h0.mp4")  # of another visitor, whose turn comes
    send(visit, long)
    visit.page.get_by_text("long.mp4: ").wait_for(timeout=TIMEOUT)  # it is scored, or waits for the other
    name = f"h1 {HOSTILE}.mp4"
    send_as(visit, name, (made.videos / "h1.mp4").read_bytes())
    frame = viewer(visit, name)
    assert frame.evaluate("video.frames") == 128
    visit.page.get_by_text("Back *door* (camera h1)").wait_for(timeout=TIMEOUT)
    assert viewer(other, "h0.mp4").evaluate("video.frames") == 128
    assert len(set(server.jobs()) - set(before)) == 2
    for each in (visit, other):
        assert (each.errors, each.left, overflow(each)) == ([], [], 0)
        assert not each.page.evaluate("window.hit")


def test_a_server_that_is_stopped_during_work_leaves_nothing(open_page, clip, server):
    """The last test, because the server ends here."""
    visit = open_page()
    send(visit, clip)
    for _ in range(TIMEOUT // 20):
        if children := server.children():
            break
        visit.page.wait_for_timeout(20)
    assert children and server.jobs()
    server.process.terminate()
    assert server.process.wait(30) == 0
    assert not list(server.temporary.iterdir())
    assert not any(map(is_alive, children))
