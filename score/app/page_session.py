"""One open page: whether a browser still shows it, and the progress of its work."""

from __future__ import annotations

import re
from collections.abc import Callable

import streamlit as st

from extract.runtime.foreign.printable import printable, spreadsheet_cell
from score.app.cameras import Camera
from score.jobs.job import Job

LOOK_SECONDS = 1.0


def present() -> Callable[[], bool]:
    """A function that says, from any thread, whether this page is still open in a browser."""
    from streamlit.runtime import exists, get_instance
    from streamlit.runtime.scriptrunner import get_script_run_ctx

    context = get_script_run_ctx()
    if not exists() or context is None:
        return lambda: True
    session, runtime = context.session_id, get_instance()
    return lambda: runtime.is_active_session(session)


def forget(sent) -> None:
    """Release an upload, which Streamlit would keep in memory until the page is closed."""
    from streamlit.runtime.scriptrunner import get_script_run_ctx

    context = get_script_run_ctx()
    # Tests run without a server, whose file manager cannot remove files.
    remove = None if context is None else getattr(context.uploaded_file_mgr, "remove_file", None)
    if context is not None and remove is not None:
        remove(session_id=context.session_id, file_id=sent.file_id)


@st.fragment(run_every=LOOK_SECONDS)
def running(job: Job, *, what: str) -> None:
    """A job's progress bar and cancel button, refreshed every second until the job is over."""
    if job.is_over:
        st.rerun()
    st.progress(job.share, text=f"{slot(what)}: {job.stage}")
    if st.button("Cancel", key=f"cancel_{id(job)}"):
        job.cancel()


def where(camera: Camera | None) -> str:
    """The camera's place as a suffix to a video's name; empty if it is unknown."""
    return "" if camera is None else f" · {slot(camera.place)} (camera {slot(camera.camera)})"


def slot(text: str) -> str:
    """Escape foreign text for places where Streamlit renders Markdown."""
    text = printable(" ".join(text.split()))
    # Every character to which Streamlit's Markdown gives a meaning, math, colours and emoji included.
    return re.sub(r"([\\`*_{}\[\]()#+\-.!|<>~$:&])", r"\\\1", text)


def cell(text: str) -> str:
    """Foreign text for a table, which a visitor can download as CSV."""
    return spreadsheet_cell(printable(text))
