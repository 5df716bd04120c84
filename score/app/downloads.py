"""Downloads: JSON, CSV, WebVTT and the annotated video, at the threshold chosen on the page."""

from __future__ import annotations

from pathlib import Path

import streamlit as st

from score.app.page_session import present, running, slot
from score.app.server_state import ServerState
from score.jobs.job import Job
from score.jobs.upload_scoring import UploadResult
from score.jobs.uploads import safe_name
from score.predict.output.prediction_json import json_text, to_json
from score.predict.output.text_formats import to_csv, to_vtt


def show(server: ServerState, found: UploadResult, number: int, *, threshold: float) -> None:
    prediction = found.prediction(number, threshold)
    stem = Path(safe_name(found.upload.name)).stem
    st.caption(f"Download the results at the threshold {threshold:.3f}:")
    places = st.columns([1, 1, 1, 2])
    files = {
        "Download JSON": (json_text(to_json(prediction)), "json", "application/json"),
        "Download CSV": (to_csv(prediction.results), "csv", "text/csv"),
        "Download WebVTT": (to_vtt(prediction.results[0]), "vtt", "text/vtt"),
    }
    for place, (label, (text, suffix, kind)) in zip(places[:3], files.items(), strict=True):
        place.download_button(
            label,
            text,
            file_name=f"{stem}.{suffix}",
            mime=kind,
            key=f"download_{suffix}",
            on_click="ignore",
            icon=":material/download:",
            width="stretch",
        )
    with places[3]:
        _video(server, found, number, threshold=threshold, name=f"{stem}_annotated.mp4")


def _video(server: ServerState, found: UploadResult, number: int, *, threshold: float, name: str) -> None:
    """The annotated video, drawn on request; each threshold needs its own."""
    drawings: dict[tuple, Job] = st.session_state.drawings
    job = drawings.get((number, threshold))
    ended = {"cancelled", "closed"}
    for other in [one for one, each in drawings.items() if each is not job or each.state in ended]:
        server.close(drawings.pop(other))
    job = drawings.get((number, threshold))
    if job is None:
        if st.button("Draw the annotated video", icon=":material/movie:", key="draw", width="stretch"):
            drawings[number, threshold] = server.annotate(
                found, number, threshold=threshold, present=present()
            )
            st.rerun()
    elif not job.is_over:
        running(job, what="Annotated video")
    elif job.state == "done" and job.value is not None:
        st.download_button(
            "Download annotated video",
            job.value,
            file_name=name,
            mime="video/mp4",
            key="download_mp4",
            on_click="ignore",
            icon=":material/download:",
            width="stretch",
        )
    elif job.state == "failed":
        st.error(f"The annotated video cannot be drawn: {slot(job.reason)}")
