"""The app's view of a watch: alerts of its folder, and labels that training reads."""

import pytest

pytest.importorskip("streamlit", reason="needs streamlit (extra app)")

from streamlit.testing.v1 import AppTest

from score.alerts.alert_folder import AlertFolder
from score.alerts.alert_listener import AlertListener
from score.alerts.alert_rule import AlertRule
from score.alerts.outputs.event_file import EventFile
from score.feedback.feedback_list import FeedbackList
from score.web.alert_events import AlertEvents, latest
from support.live_driver import LiveDriver
from support.tiny_checkpoints import block_video
from support.waiting import wait_until

pytestmark = pytest.mark.slow

HOSTILE = "**yard** <img src=x>"


def page(folder):
    from pathlib import Path

    from score.app import live_view

    live_view.show(Path(folder))


def test_an_alert_is_shown_and_labelled(tmp_path):
    folder = AlertFolder(tmp_path / "alerts")
    rule = AlertRule(0.6, median_segments=1, minimum_seconds=0.0, quiet_seconds=1.0, cool_down_seconds=1.0)
    alerts = AlertListener(rule, folder=folder, outputs=[EventFile(folder.events)])
    driver, video = LiveDriver([alerts]), block_video(0, hectic=True)
    empty = AppTest.from_function(page, kwargs={"folder": str(folder.root)}, default_timeout=60).run()
    assert [each.value for each in empty.info] == ["No alerts yet."] and not empty.exception
    driver.scores(HOSTILE, [0.1, 0.8, 0.9, 0.1, 0.1, 0.1, 0.1, 0.1], video)
    driver.scores("gate", [0.1, 0.7], video)
    reader = AlertEvents(folder.root)

    def latest_events():
        return [each["event"] for each in latest(reader.read(limit=100))]

    wait_until(lambda: latest_events() in (["new", "end"], ["update", "end"]), 60)
    shown = AppTest.from_function(page, kwargs={"folder": str(folder.root)}, default_timeout=60).run()
    assert not shown.exception and shown.caption[0].value == "1 open, 2 alerts of 2 cameras"
    texts = [each.value for each in shown.markdown]
    assert texts[0].startswith("**gate**") and ":red-badge[open]" in texts[0]
    assert r"\*\*yard\*\*" in texts[1] and "<img" not in texts[1].replace(r"\<img", "")
    over = latest(reader.read(limit=100))[1]["id"]
    shown.text_input(key=f"note_{over}").set_value("a cat")
    shown.button(key=f"false alarm_{over}").click().run()
    (row,) = FeedbackList(folder.root).rows()
    assert (row.video_id, row.label, row.note) == (over, "false alarm", "a cat")
    again = AppTest.from_function(page, kwargs={"folder": str(folder.root)}, default_timeout=60).run()
    assert "False alarm: a cat" in [each.value for each in again.markdown]
    # somebody edits the list, and breaks it
    (folder.root / "feedback.tsv").write_text("just words\n")
    broken = again.run()
    assert not broken.exception and broken.caption[0].value == "1 open, 2 alerts of 2 cameras"
    assert broken.warning[0].value.startswith("What was said cannot be read:")
    driver.close()
