"""The view of a feature store: contents, failures, scores and worst mistakes."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import streamlit as st

from score.app import viewer_component as player
from score.app.page_session import cell, present, running, slot, where
from score.app.server_state import ServerState
from score.app.store_browser import UNLISTED, Mistake, StoreScores, contents, file_of
from score.jobs.job import Job
from score.predict.intervals import IntervalRule, find_intervals
from score.predict.output.page_media import PLAYABLE, is_playable
from score.predict.output.viewer import Media, viewer_html
from score.predict.predictor import VideoResult

BINS = 20
PILLS = 8  # buttons for the worst mistakes
COLORS = {"anomalous": "#cf222e", "normal": "#0072b2", UNLISTED: "#9aa4b0"}


def show(server: ServerState) -> None:
    for store in server.stores:
        facts = contents(store, server.listed)
        st.subheader(slot(f"{facts.preset}: {Path(str(store.root)).name}"))
        total = sum(facts.frames.values())
        st.markdown(
            f"**{len(facts.frames):,}** videos, {facts.segments:,} segments of {total:,} frames, "
            f"{facts.size / 1e6:,.1f} MB"
        )
        left, right = st.columns(2)
        with left:
            st.markdown("Videos per event class")
            st.bar_chart(
                {"event class": list(map(cell, facts.classes)), "videos": list(facts.classes.values())},
                x="event class",
                y="videos",
                horizontal=True,
                height=240,
            )
        with right:
            st.markdown("Length of the videos")
            if facts.frames:
                counts, edges = np.histogram(list(facts.frames.values()), bins=BINS)
                st.bar_chart(
                    {"frames": edges[:-1].round(), "videos": counts}, x="frames", y="videos", height=240
                )
        if facts.failures:
            with st.expander(f"{len(facts.failures):,} failures"):
                st.dataframe(
                    [{"video": cell(video), "reason": cell(reason)} for video, reason in facts.failures],
                    hide_index=True,
                )
        if facts.absent:
            with st.expander(f"{len(facts.absent):,} listed videos are not in the store"):
                st.dataframe([{"video": cell(each)} for each in facts.absent], hide_index=True)
    _scores(server)


def _scores(server: ServerState) -> None:
    st.subheader("Scores")
    job: Job | None = st.session_state.get("store_job")
    if job is not None and not job.is_over:
        running(job, what="Feature store")
        return
    scores = None if job is None else job.value
    if scores is not None:
        _distribution(scores)
        _mistakes(server, scores)
        return
    if job is not None and job.state == "failed":
        st.error(slot(job.reason))
    if st.button("Score every video of the store", key="score_store"):
        if job is not None:
            server.close(job)
        st.session_state.store_job = server.score_stores(present=present())
        st.rerun()


def _distribution(scores: StoreScores) -> None:
    edges = np.linspace(0, 1, BINS + 1)
    kinds: dict[str, list[float]] = {}
    for each in scores.scored.values():
        kind = UNLISTED if not each.listed else "anomalous" if each.video.is_anomalous else "normal"
        kinds.setdefault(kind, []).append(each.video_score)
    st.markdown("Video scores")
    st.bar_chart(
        {
            "score": edges[:-1].round(2),
            **{kind: np.histogram(values, bins=edges)[0] for kind, values in kinds.items()},
        },
        x="score",
        y=sorted(kinds),
        color=[COLORS[kind] for kind in sorted(kinds)],
        y_label="videos",
        height=240,
    )
    if scores.unusable:
        with st.expander(f"{len(scores.unusable):,} videos could not be scored"):
            st.dataframe(
                [{"video": cell(video), "reason": cell(why)} for video, why in scores.unusable.items()],
                hide_index=True,
            )


def _mistakes(server: ServerState, scores: StoreScores) -> None:
    st.markdown("Worst mistakes")
    if not scores.mistakes:
        st.info("Mistakes need annotations: start vad-score app with --list, the list of these videos.")
        return
    state = st.session_state
    st.dataframe(
        [
            {
                "video": cell(each.video_id),
                "event class": cell(each.event_class),
                "mistake": each.kind,
                "score": round(each.score, 3),
                "second": round(each.seconds, 1),
                "used in training": "yes" if each.trained_on else "",
            }
            for each in scores.mistakes
        ],
        hide_index=True,
        on_select=lambda: state.update(mistake=next(iter(state.mistakes["selection"]["rows"]), None)),
        selection_mode="single-row",
        key="mistakes",
    )
    labels = [slot(f"{each.kind}: {each.video_id}") for each in scores.mistakes]
    st.pills(
        "Look at",
        range(min(PILLS, len(labels))),
        format_func=labels.__getitem__,
        key="look",
        on_change=lambda: state.update(mistake=state.look),
    )
    number = state.get("mistake")  # the row or pill clicked last
    if number is None:
        player.forget("mistake")
        st.caption("Choose a mistake to watch it.")
        return
    _moment(server, scores, scores.mistakes[number], number)


def _moment(server: ServerState, scores: StoreScores, mistake: Mistake, number: int) -> None:
    each = scores.scored[mistake.video_id]
    threshold = server.settings.threshold
    rule = IntervalRule(server.models[0].threshold()[0] if threshold is None else threshold)
    event_classes = server.models[0].checkpoints[0].bag_spec.event_classes
    header = server.stores[0].header(mistake.video_id)
    path = file_of(mistake.video_id, None if server.settings.videos is None else Path(server.settings.videos))
    result = VideoResult(
        mistake.video_id,
        path or Path(mistake.video_id),
        each.video_score,
        each.timeline,
        tuple(find_intervals(each.timeline, rule, event_classes=event_classes)),
        event_classes,
        fps=header.fps,
        width=header.width,
        height=header.height,
    )
    st.markdown(f"**{slot(mistake.video_id)}**{where(server.camera_of(mistake.video_id, path))}")
    media = _media(path, max_megabytes=server.settings.max_megabytes)
    spans = [
        f"{start}-{stop} ({start / header.fps:.1f}-{stop / header.fps:.1f} s)"
        for start, stop in each.video.anomaly_spans
    ]
    st.markdown(f"Annotated frames: {', '.join(spans) or 'none'}")
    page = viewer_html([result], rule=rule, media={result.name: media}, title=result.name)
    player.show(page, key=f"mistake_{number}", moment=(mistake.seconds, number))


def _media(path: Path | None, *, max_megabytes: float) -> Media:
    """The video of a mistake if it can be served; otherwise a line says why not."""
    if path is None:
        why = "To watch the video, start vad-score app with --videos, the folder of the stored videos."
    elif not is_playable(path):
        why = f"Browsers do not play {slot(path.name)}; vad-score predict --viewer writes a page with a copy."
    elif (megabytes := path.stat().st_size / 1e6) > max_megabytes:
        why = (
            f"{slot(path.name)} has {megabytes:,.0f} MB; videos of up to {max_megabytes:g} MB are shown here "
            "(vad-score app --max-megabytes)."
        )
    else:
        kind = PLAYABLE[path.suffix.lower()][0]
        return Media(player.address_of(path, kind, key="mistake"), kind)
    player.forget("mistake")
    st.caption(why)
    return Media()
