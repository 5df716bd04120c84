"""The view of a watch: its alerts with pictures and clips, and what people say about them.

It reads the folder of alerts, so it works beside a watch and after it. Current pictures and scores are on the
watch's own page (vad-score watch --page), which has its own token and lets no other page frame it.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import streamlit as st

from score.alerts.alert_folder import CLIPS, PICTURES
from score.app.page_session import slot
from score.jobs.job import one_line
from score.web.alert_events import AlertEvents, kept_file, latest
from score.web.verdicts import Verdict, Verdicts

LOOK_SECONDS = 3.0
SHOWN = 20
WORDS = {
    "acknowledged": "Acknowledged",
    "false alarm": "False alarm",
    "missed": "Missed",
    "confirmed": "Confirmed",
}


@st.fragment(run_every=LOOK_SECONDS)
def show(folder: Path) -> None:
    """The newest alerts, the open ones first, refreshed every few seconds."""
    alerts = latest(AlertEvents(folder).read(limit=20 * SHOWN))
    said = []
    try:
        said = Verdicts(folder).known()
    except (OSError, ValueError) as error:  # a list that somebody edited
        st.warning(f"What was said cannot be read: {slot(one_line(error))}")
    cameras = sorted({str(each.get("camera")) for each in alerts})
    open_alerts = [each for each in alerts if each.get("event") in ("new", "update")]
    if not alerts:
        st.info("No alerts yet.")
        return
    chosen = st.multiselect("Cameras", cameras, placeholder="all", key="live_cameras")
    shown = [each for each in alerts if not chosen or each.get("camera") in chosen][:SHOWN]
    st.caption(f"{len(open_alerts)} open, {len(alerts)} alerts of {len(cameras)} cameras")
    for alert in shown:
        own = [each for each in said if each.id == alert["id"]]
        with st.container(border=True):
            _show_alert(folder, alert, own)


def _show_alert(folder: Path, alert: Mapping[str, Any], said: list[Verdict]) -> None:
    alert_id, is_open = alert["id"], alert.get("event") in ("new", "update")
    picture, text = st.columns([1, 3])
    if (file := kept_file(folder, PICTURES, alert_id)) is not None:
        picture.image(file.read_bytes())
    state = ":red-badge[open]" if is_open else "over"
    place = f" · {slot(str(alert['place']))}" if alert.get("place") else ""
    text.markdown(f"**{slot(str(alert.get('camera')))}**{place} · {state}")
    start, peak = str(alert.get("start", ""))[:19].replace("T", " "), alert.get("peak_score")
    facts = [f"{start} UTC", f"peak {peak:.2f}" if isinstance(peak, float) else ""]
    text.caption(" · ".join(slot(each) for each in [*facts, str(alert.get("event_class") or "")] if each))
    for each in said:
        text.markdown(f"{WORDS[each.kind]}{': ' if each.note else ''}{slot(each.note)}")
    with text.popover("Say", icon=":material/edit:"):
        note = st.text_input("Note", key=f"note_{alert_id}", max_chars=500)
        for column, kind in zip(st.columns(2), ("acknowledged", "false alarm"), strict=True):
            label = "Acknowledge" if kind == "acknowledged" else "False alarm"
            if column.button(label, key=f"{kind}_{alert_id}"):
                try:
                    Verdicts(folder).say(alert_id, str(alert.get("camera")), kind, note)
                except (OSError, ValueError) as error:
                    st.error(slot(f"Not saved: {one_line(error)}"))
                else:
                    st.rerun(scope="fragment")
    if (file := kept_file(folder, CLIPS, alert_id)) is not None and text.toggle(
        "Clip", key=f"clip_{alert_id}"
    ):
        st.video(file.read_bytes(), "video/mp4")
