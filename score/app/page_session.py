"""What belongs to one open page: whether it is still there, and how its work goes on."""

from __future__ import annotations

import re
from collections.abc import Callable

import streamlit as st

from score.app.cameras import Camera
from score.app.jobs import Job

LOOK_SECONDS = 1.0


def present() -> Callable[[], bool]:
    """Tells from any thread whether this page is still open in a browser."""
    from streamlit.runtime import exists, get_instance
    from streamlit.runtime.scriptrunner import get_script_run_ctx

    context = get_script_run_ctx()
    if not exists() or context is None:
        return lambda: True
    session, runtime = context.session_id, get_instance()
    return lambda: runtime.is_active_session(session)


def forget(sent) -> None:
    """Drop an upload, which Streamlit would keep in memory until its page is closed."""
    from streamlit.runtime.scriptrunner import get_script_run_ctx

    context = get_script_run_ctx()
    if hasattr(context.uploaded_file_mgr, "remove_file"):  # that of servers has it
        context.uploaded_file_mgr.remove_file(session_id=context.session_id, file_id=sent.file_id)


@st.fragment(run_every=LOOK_SECONDS)
def running(job: Job, *, what: str) -> None:
    """How far a job is, looked at again and again, and a way to end it; the page follows when it is over."""
    if job.is_over:
        st.rerun()
    st.progress(job.share, text=f"{slot(what)}: {job.stage}")
    if st.button("Cancel", key=f"cancel_{id(job)}"):
        job.cancel()


def where(camera: Camera | None) -> str:
    """What stands behind a video's name: its place, where that is known."""
    return "" if camera is None else f" · {slot(camera.place)} (camera {slot(camera.camera)})"


def slot(text: str) -> str:
    """A text of somebody else where Streamlit would read Markdown."""
    return re.sub(r"([\\`*_{}\[\]()#+\-.!|<>~$:&])", r"\\\1", " ".join(text.split()))
