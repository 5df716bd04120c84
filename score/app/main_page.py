"""The page of vad-score app. Streamlit runs this file from top to bottom at every interaction."""

from __future__ import annotations

import atexit
from pathlib import Path

import numpy as np
import streamlit as st
from PIL import Image

from extract.runtime.foreign.printable import printable
from score.app import downloads, live_view, store_page
from score.app import viewer_component as player
from score.app.app_settings import settings_of_page
from score.app.model_comparison import agreement, curves
from score.app.page_session import cell, forget, present, running, slot, where
from score.app.server_state import ServerState
from score.jobs.job import Job
from score.jobs.upload_scoring import UploadResult

TITLE = "Video anomalies"


@st.cache_resource(show_spinner="Loading the checkpoint")
def server_state() -> ServerState:
    server = ServerState(settings_of_page())
    atexit.register(server.shut)
    return server


def main() -> None:
    st.set_page_config(page_title=TITLE, page_icon=_icon(), layout="wide")
    st.html(f"<style>{STYLE}</style>")
    server = server_state()
    st.title(TITLE)
    st.caption(" compared with ".join(map(slot, server.titles)) + ". Videos stay on this machine.")
    views = ["Video"]
    if server.stores:
        views.append("Feature store")
    if server.settings.watch is not None:
        views.append("Live")
    view = views[0]
    if len(views) > 1:
        # A second click on the chosen segment deselects it, which gives None.
        view = st.segmented_control("View", views, default=views[0], label_visibility="collapsed") or views[0]
    if view == "Video":
        player.forget("mistake")  # the other view's file, because served files are kept in memory
        video_view(server)
    elif view == "Live":
        st.session_state.pop("shown", None)
        player.forget("mistake")
        live_view.show(Path(server.settings.watch or ""))
    else:
        st.session_state.pop("shown", None)
        store_page.show(server)


def video_view(server: ServerState) -> None:
    choose(server)
    job: Job | None = st.session_state.get("job")
    if job is None:
        return
    name = st.session_state.name
    if not job.is_over:
        running(job, what=name)
    elif job.state == "failed":
        st.error(slot(job.reason), icon=":material/error:")
    elif job.state == "cancelled":
        st.info(f"{slot(name)} was cancelled.")
    elif (found := job.value) is not None:
        show_result(server, found)
    else:
        st.info(f"{slot(name)} was removed, because this page was not open for a while. Upload it again.")


def choose(server: ServerState) -> None:
    """Start scoring an upload or a file of --videos; either replaces the video before."""
    state, job = st.session_state, st.session_state.get("job")
    number = state.setdefault("uploader", 0)
    inputs = {each.video_id: each for each in server.choice()}
    places = st.columns([3, 2]) if inputs else [st.container()]
    with places[0]:
        limits = f"up to {server.settings.max_megabytes} MB and {server.settings.max_minutes:g} minutes"
        sent = st.file_uploader(f"Drop a video here, {limits}", key=f"upload_{number}")
    # Streamlit returns the same upload at every run of the page.
    if sent is not None and sent.file_id != state.get("file_id"):
        state.update(file_id=sent.file_id, is_full=True)
        job = server.score_upload(sent.name, sent, present=present())
        forget(sent)
        begin(server, sent.name, job)
    elif state.get("is_full") and (job is None or job.is_over):
        # A new key empties the uploader. Not earlier, or a file dropped at that moment would be lost.
        state.update(is_full=False, uploader=number + 1)
        st.rerun()
    if inputs:
        with places[1]:
            picked = st.selectbox(
                f"or choose one of {len(inputs):,} videos",
                list(inputs),
                index=None,
                format_func=printable,
                placeholder="Choose a video",
            )
            pressed = st.button("Score this video", disabled=picked is None, key="score_file")
            if pressed and picked is not None:
                begin(server, picked, server.score_file(inputs[picked], present=present()))


def begin(server: ServerState, name: str, job: Job) -> None:
    """Show a new job instead of the video before."""
    end(server)
    number = st.session_state.get("number", 0) + 1
    st.session_state.update(job=job, name=name, thresholds={}, drawings={}, number=number)
    st.rerun()


def end(server: ServerState) -> None:
    """Remove everything that belongs to the last video."""
    for each in [st.session_state.pop("job", None), *st.session_state.pop("drawings", {}).values()]:
        if each is not None:
            server.close(each)
    st.session_state.pop("shown", None)
    player.forget()


def show_result(server: ServerState, found: UploadResult) -> None:
    name = found.upload.full_name
    st.markdown(f"**{slot(name)}**{where(server.cameras.of(name))}")
    for note in filter(None, (*found.notes, server.alerts.unwritten, server.alerts.failed)):
        st.warning(slot(note))
    number = 0
    if len(found.models) > 1:
        titles = [slot(each) for each in server.titles]
        number = (
            st.segmented_control(
                "Checkpoint", range(len(titles)), default=0, format_func=titles.__getitem__, key="model"
            )
            or 0
        )
    threshold = watch(found, number)
    downloads.show(server, found, number, threshold=threshold)
    if len(found.models) > 1:
        comparison(server, found)
    if st.button("Close this video", icon=":material/close:"):
        end(server)
        st.rerun()


def watch(found: UploadResult, number: int) -> float:
    """Show the viewer. Returns the current threshold."""
    address = None
    if found.playable is not None:
        address = player.address_of(found.playable, found.kind, key="video")
    state, kept = st.session_state, st.session_state.thresholds
    # A page that is shown again starts at the last threshold; while it is shown it must not change.
    if state.get("shown", ())[:2] != (number, address):
        threshold = kept.get(number, found.thresholds[number])
        state.shown = (number, address, found.page(number, address=address, threshold=threshold))
    moved = player.show(state.shown[2], key=f"viewer_{state.number}_{number}")
    if moved is not None:
        kept[number] = moved
    return kept.get(number, found.thresholds[number])


def comparison(server: ServerState, found: UploadResult) -> None:
    st.subheader("Both checkpoints")
    first, second = (result.timeline for result in found.results)
    kept = st.session_state.thresholds
    thresholds = tuple(kept.get(number, each) for number, each in enumerate(found.thresholds))
    both = agreement(first, second, thresholds=thresholds)
    seconds, scores = curves(first, second)
    titles = server.titles
    st.line_chart(
        {"seconds": seconds, **dict(zip(titles, scores, strict=True))},
        x="seconds",
        y=titles,
        y_label="score",
        height=220,
    )
    correlation = "undefined" if both.correlation is None else f"{both.correlation:.2f}"
    st.dataframe(
        [
            {
                "checkpoint": cell(title),
                "video score": round(result.video_score, 3),
                "threshold": round(threshold, 3),
                "intervals": len(found.prediction(number, threshold).results[0].intervals),
                "seconds only here": round(alone, 1),
            }
            for number, (title, result, threshold, alone) in enumerate(
                zip(titles, found.results, thresholds, (both.first_only, both.second_only), strict=True)
            )
        ],
        hide_index=True,
    )
    st.markdown(
        f"They agree on {both.share:.0%} of the video; both report an anomaly for {both.both:.1f} s. "
        f"Correlation of the scores: {correlation}."
    )


def _icon() -> Image.Image:
    """Bars with one red interval. Streamlit would download its own icon from the network."""
    icon = np.full((32, 32, 3), (31, 37, 45), np.uint8)
    for left, high, color in ((4, 6, 0), (10, 10, 0), (16, 22, 1), (22, 16, 1), (28, 5, 0)):
        icon[28 - high : 28, left - 2 : left + 2] = ((86, 180, 233), (255, 77, 66))[color]
    return Image.fromarray(icon)


STYLE = """
.block-container { padding-top: 2.5rem; max-width: 1400px }
h1 { font-size: 1.6rem !important; padding: 0 !important }
@media (max-width: 640px) { .block-container { padding-left: 1rem; padding-right: 1rem } }
"""

main()
