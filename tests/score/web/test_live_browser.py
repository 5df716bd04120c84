"""The live page in a real browser: two cameras, an alert, a false alarm with a note, a missed moment."""

from contextlib import contextmanager

import pytest

pytest.importorskip("uvicorn", reason="needs uvicorn (extra live)")

from score.alerts.alert_event import AlertEvent
from score.alerts.alert_folder import AlertFolder
from score.alerts.alert_listener import AlertListener
from score.alerts.alert_rule import AlertRule
from score.alerts.outputs.event_file import EventFile
from score.alerts.watch_alerts import CameraAlerts
from score.feedback.feedback_list import FeedbackList
from score.web.watch_page import PageOptions, WatchPage
from support.browser import DESK, INSIDE, PHONE, Visit
from support.live_driver import LiveDriver
from support.tiny_checkpoints import block_video

pytestmark = pytest.mark.slow

HOSTILE = "<img src=x onerror=document.title='hit'>"
RULE = AlertRule(0.6, median_segments=1, minimum_seconds=0.0, quiet_seconds=1.0, cool_down_seconds=1.0)
OLD = AlertEvent(
    time="2026-01-01T12:00:20+00:00",
    event="end",
    id="20260101T120000-roof-00000000",
    number=1,
    camera="roof",
    place=None,
    start="2026-01-01T12:00:00+00:00",
    end="2026-01-01T12:00:09+00:00",
    start_seconds=0.0,
    end_seconds=9.0,
    peak_score=0.7,
    peak_seconds=1.0,
    threshold=0.6,
    event_class=None,
    class_probability=None,
    model="",
    reason="",
    picture=None,
    clip=None,
    features=None,
)
TIMEOUT = 120_000  # milliseconds; machines may be busy


@pytest.fixture(scope="module")
def watch(tmp_path_factory):
    """(page, driver); an alert of the yard is open."""
    page = WatchPage(PageOptions("0"))
    root = tmp_path_factory.mktemp("watch") / "alerts"
    root.mkdir()
    (root / "alerts.jsonl").write_text(OLD.line() + "\n")
    cameras = [CameraAlerts("yard", "Back door"), CameraAlerts(HOSTILE, "</script>")]
    board = page.board(cameras, title="mil on motion", folder=root)
    folder = AlertFolder(root)
    alerts = AlertListener(
        RULE, rules={HOSTILE: AlertRule(0.9)}, folder=folder, outputs=[EventFile(folder.events), board]
    )
    driver = LiveDriver([board, alerts])
    video = block_video(0, hectic=True)
    driver.scores("yard", [0.1] * 20 + [0.8, 0.9, 0.85], video)
    driver.scores(HOSTILE, [0.2] * 23, video)
    driver.state("yard")
    driver.state(HOSTILE, "lost", f"no frame for 3 s {HOSTILE}")
    page.open(board, alerts)
    yield page, driver, root
    page.close()
    driver.close()


@contextmanager
def opened(chromium, page, *, width=DESK, dark=False):
    """The page in its own window, logged in; requests to other machines are recorded and blocked."""
    context = chromium.new_context(
        viewport={"width": width, "height": 900},
        color_scheme="dark" if dark else "light",
        is_mobile=width <= PHONE,
    )
    try:
        visit, own = Visit(context.new_page()), (page.address, *INSIDE)
        context.route(lambda url: not url.startswith(own), lambda route: route.abort())
        context.on("request", lambda request: request.url.startswith(own) or visit.left.append(request.url))
        visit.page.on("pageerror", lambda error: visit.errors.append(str(error)))
        visit.page.on("console", visit.hear)
        visit.page.set_default_timeout(TIMEOUT)
        visit.page.goto(page.address)
        assert visit.page.url == f"{page.address}/login"
        visit.page.fill("#token", page.token_file.read_text().strip())
        visit.page.click("text=Log in")
        visit.page.locator(".camera").nth(1).locator("img:visible").wait_for()
        yield visit
    finally:
        context.close()


def card(visit, name):
    return visit.page.locator(".camera", has=visit.page.get_by_role("heading", name=name, exact=True))


def pixels(visit, name) -> dict[str, int]:
    """How many pixels of a camera's score strip have the colours of scores and of alarms."""
    return (
        card(visit, name)
        .locator("canvas")
        .evaluate(
            """canvas => {
          const data = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height).data;
          const found = { blue: 0, red: 0 };
          for (let at = 0; at < data.length; at += 4) {
            const [r, , b, a] = data.slice(at, at + 4);
            if (a > 100 && b > r + 50) found.blue += 1;
            if (a > 100 && r > b + 20) found.red += 1;
          }
          return found;
        }"""
        )
    )


@pytest.mark.parametrize("dark", [False, True])
@pytest.mark.parametrize("width", [PHONE, DESK])
def test_the_page_shows_cameras_and_an_open_alert(chromium, watch, width, dark):
    page, _, _ = watch
    with opened(chromium, page, width=width, dark=dark) as visit:
        assert visit.page.locator("#summary").inner_text() == "1 of 2 live, 1 open alert"
        assert visit.page.title() == "(1) Live cameras"
        yard, other = card(visit, "yard"), card(visit, HOSTILE)
        assert "alarm" in yard.get_attribute("class") and "alarm" not in other.get_attribute("class")
        assert "score 0.85 · threshold 0.60 · 10 fps, 4 scored" in yard.locator(".facts").inner_text()
        assert "threshold 0.90" in other.locator(".facts").inner_text()
        assert other.locator(".detail").inner_text().endswith(HOSTILE)
        assert other.locator(".place").inner_text() == "</script>"
        high, low = pixels(visit, "yard"), pixels(visit, HOSTILE)
        assert high["blue"] > low["blue"] > 10 and high["red"] > low["red"] > 10
        size = yard.locator("img").evaluate("image => [image.naturalWidth, image.naturalHeight]")
        assert size == [96, 64]
        alert = visit.page.locator(".alert.is-open")
        assert "peak 0.90" in alert.locator(".facts").inner_text()
        alert.locator("img:visible").wait_for()
        # of an earlier watch on the same folder, on another day
        old = visit.page.locator(".alert", has_text="roof").inner_text()
        assert "over" in old and "1/1/2026" in old and "9 s" in old
        assert visit.overflow <= 0 and not visit.errors and not visit.left


def test_a_click_makes_a_label_with_its_note(chromium, watch):
    page, driver, root = watch
    with opened(chromium, page) as visit:
        # it ends, and its clip can be seen
        driver.scores("yard", [0.1] * 8, block_video(1, hectic=False))
        clip = visit.page.locator(".alert .clip:visible").first
        clip.click()
        video = visit.page.locator("#show-media video")
        video.wait_for()
        visit.page.wait_for_function(
            "document.querySelector('#show-media video').duration > 0.5", timeout=TIMEOUT
        )
        visit.page.click("#show .main")
        assert visit.page.locator("#summary").inner_text() == "1 of 2 live, 0 open alerts"
        visit.page.locator(".alert .false-alarm").first.click()
        visit.page.fill("#say-note", f"a cat {HOSTILE}")
        visit.page.click("#say-save")
        said = visit.page.locator(".alert .verdicts li").first
        said.wait_for()
        assert said.inner_text() == f"False alarm: a cat {HOSTILE}"
        (row,) = FeedbackList(root).rows()
        assert (row.label, row.note, row.camera) == ("false alarm", f"a cat {HOSTILE}", "yard")
        # what nobody raised an alert for
        card(visit, HOSTILE).locator(".missed").click()
        visit.page.select_option("#say-seconds", "10")
        visit.page.fill("#say-note", "a fight")
        visit.page.click("#say-save")
        visit.page.locator(".alert", has_text="Missed, reported by hand: a fight").wait_for()
        assert [each.label for each in FeedbackList(root).rows()] == ["false alarm", "missed"]
        # a second page in the same browser knows all of it
        visit.page.reload()
        visit.page.locator(".alert", has_text="a fight").wait_for()
        assert visit.page.locator(".alert").count() == 3
        assert visit.page.title() == "Live cameras" and not visit.errors and not visit.left
        visit.page.click("text=Log out")
        visit.page.locator("#token").wait_for()
        visit.page.goto(page.address)
        assert visit.page.url.endswith("/login")
