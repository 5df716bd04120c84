"""A file or a folder of scores -> the frame scores of the listed videos."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from data_lists.name_matching import NameMatches, match_names
from data_lists.video import Video
from extract.runtime.foreign.folder_walk import files_below
from extract.runtime.text import listed
from score.evaluation.foreign_scores.long_array import cut
from score.evaluation.foreign_scores.numbering import Numbering, doubt_of_points, numbering_note, numbering_of
from score.evaluation.foreign_scores.score_content import PICKLES, SUFFIXES, Content, read_content
from score.evaluation.foreign_scores.score_form import AS_FOUND, ScoreForm
from score.evaluation.foreign_scores.score_rows import FRAMES, INDEX, ROWS, Positions, ScoreRows
from score.evaluation.foreign_scores.score_spans import FileScores, placed_scores
from score.evaluation.foreign_scores.segment_rules import spread_rows
from score.evaluation.foreign_scores.video_order import VideoOrder, VideoOrders


@dataclass(frozen=True)
class FoundScores:
    """What one source holds.

    scores: by video id. problems: one line per file or video that is wrong. absent: listed videos without
    scores, each with the reason. unlisted: names of the source that belong to no listed video. notes: how the
    source was read.
    """

    scores: dict[str, FileScores]
    problems: list[str]
    absent: dict[str, str]
    unlisted: list[str]
    notes: list[str] = field(default_factory=list)


@dataclass
class SourceRows:
    """Rows by video id, problems by video id, and where each video's rows stand, for messages."""

    rows: dict[str, ScoreRows] = field(default_factory=dict)
    wrong: dict[str, str] = field(default_factory=dict)
    places: dict[str, str] = field(default_factory=dict)
    absent: dict[str, str] = field(default_factory=dict)
    unlisted: list[str] = field(default_factory=list)
    unread: list[str] = field(default_factory=list)
    order: VideoOrder | None = None


def read_scores(
    source: Path,
    videos: Sequence[Video],
    *,
    form: ScoreForm = AS_FOUND,
    orders: VideoOrders | None = None,
    exact: bool = True,
    length_of: Callable[[Video], int | None] = lambda video: video.num_frames,
) -> FoundScores:
    """Frame scores of the listed videos.

    source: a folder with a file a video, or a file of all videos; the forms stand in this package's modules.
    orders: of the videos in one long array; None takes the list's. exact: the scores must cover num_frames of
    the list if it has them (a legacy convention has its own lengths). length_of: frames of a video in one
    long array.
    """
    orders = orders or VideoOrders((VideoOrder(tuple(form.order or videos), "the order of the list"),))
    try:
        if source.is_dir():
            found = folder_rows(source, videos)
        elif not os.path.lexists(source):
            raise ValueError("no such folder or file of scores")
        else:
            found = _file(source, videos, form=form, orders=orders, length_of=length_of)
    except ValueError as error:
        return FoundScores({}, [f"{source}: {getattr(error, 'reason', error)}"], {}, [])
    lengths = {video.video_id: video.num_frames if exact else None for video in videos}
    positions = {name: rows.positions for name, rows in found.rows.items() if rows.positions is not None}
    numbering = numbering_of(positions, lengths, rate=form.fps, first=form.first_frame)
    rates = {name: form.rate(name) for name in positions}
    if doubt := doubt_of_points(numbering, positions, rates=rates):
        return FoundScores({}, [f"{source}: {doubt}"], {}, [])
    scores, problems = {}, []
    for video in videos:
        name = video.video_id
        try:
            if name in found.wrong:
                raise ValueError(found.wrong[name])
            if name in found.rows:
                length = lengths[name]
                # A rule that divides a video needs its length, whatever the truth counts.
                if length is None and form.segments.rule is not None:
                    length = video.num_frames or length_of(video)
                scores[name] = _by_frame(
                    found.rows[name], numbering, form, num_frames=length, fps=form.rate(name)
                )
        except ValueError as error:
            problems.append(f"{found.places.get(name, source)}: {error}")
    notes = numbering_note(numbering, positions)
    if found.order is not None:
        notes.append(f"one long array, cut in {found.order.source}")
    if found.unread:
        notes.append(f"not read: {listed(found.unread)}")
    return FoundScores(
        scores, problems, found.absent, found.unlisted, [f"{source}: {note}" for note in notes]
    )


def _file(
    source: Path,
    videos: Sequence[Video],
    *,
    form: ScoreForm,
    orders: VideoOrders,
    length_of: Callable[[Video], int | None],
) -> SourceRows:
    content = read_content(source)
    matches = match_names([video.video_id for video in videos], [*content.named, *content.wrong])
    if not matches.matched and (content.whole is not None or content.parts):
        return _of_all(source, content, videos, form=form, orders=orders, length_of=length_of)
    if not content.named and not content.wrong:
        raise ValueError("holds no score")
    found = SourceRows(
        unlisted=matches.unused, unread=[name for name in content.unread if name not in matches.unused]
    )
    for video_id, name in matches.matched.items():
        found.places[video_id] = f"{source}: {name}"
        if name in content.wrong:
            found.wrong[video_id] = content.wrong[name]
        else:
            found.rows[video_id] = content.named[name]
    found.absent = _absent(matches)
    return found


def _of_all(
    source: Path,
    content: Content,
    videos: Sequence[Video],
    *,
    form: ScoreForm,
    orders: VideoOrders,
    length_of: Callable[[Video], int | None],
) -> SourceRows:
    if len(videos) == 1 and content.whole is not None and not form.order:
        rows, order = {videos[0].video_id: content.whole}, None
    else:
        rows, order = cut(content, orders, length_of=length_of, form=form)
    absent = {video.video_id: "no scores of it" for video in videos if video.video_id not in rows}
    places = {name: f"{source}: {name}" for name in rows}
    return SourceRows(rows, {}, places, absent, unread=list(content.unread), order=order)


def folder_rows(folder: Path, videos: Sequence[Video]) -> SourceRows:
    """The rows of a file a video. Raises ForeignFileError for a folder that cannot be listed."""
    files = {
        path.relative_to(folder).as_posix(): path
        for path in files_below(folder, wanted=lambda name: name.lower().endswith((*SUFFIXES, *PICKLES)))
    }
    matches = match_names([video.video_id for video in videos], files)
    found = SourceRows(unlisted=matches.unused)
    unread: dict[str, None] = {}
    for video_id, name in matches.matched.items():
        found.places[video_id] = str(files[name])
        try:
            content = read_content(files[name])
            found.rows[video_id] = _of_one(content, video_id)
            unread |= dict.fromkeys(content.unread)
        except ValueError as error:
            found.wrong[video_id] = str(error)
    for video_id, names in matches.ambiguous.items():
        # Files of one name with two suffixes are two results of one video.
        if len({Path(name).with_suffix("") for name in names}) == 1 and len(names) > 1:
            found.places[video_id] = str(files[names[0]])
            found.wrong[video_id] = f"and {Path(names[1]).name} next to it both hold its scores; keep one"
    found.absent = {name: reason for name, reason in _absent(matches).items() if name not in found.wrong}
    found.unread = list(unread)
    return found


def _of_one(content: Content, video_id: str) -> ScoreRows:
    """The rows of the one video that a file is named after."""
    if content.whole is not None:
        return content.whole
    if len(content.parts) > 1:
        raise ValueError(
            f"has shape {[len(content.parts), len(content.parts[0].score)]}, expected one row of scores [N]"
            f"{_shape_hint(len(content.parts), len(content.parts[0].score))}"
        )
    if content.parts:
        return content.parts[0]
    names = [*content.named, *content.wrong]
    name = match_names([video_id], names).matched.get(video_id, names[0] if len(names) == 1 else None)
    if name in content.wrong:
        raise ValueError(content.wrong[name])
    if name is None:
        raise ValueError(f"holds {listed(names)}; expected one array, or one named score")
    return content.named[name]


def _shape_hint(rows: int, columns: int) -> str:
    return "; of two classes, give the scores of the anomalous one" if 2 in (rows, columns) else ""


def _absent(matches: NameMatches) -> dict[str, str]:
    return {name: matches.reason(name) for name in (*matches.ambiguous, *matches.unmatched)}


def _by_frame(
    rows: ScoreRows, numbering: Numbering, form: ScoreForm, *, num_frames: int | None, fps: float | None
) -> FileScores:
    own = rows.positions is not None and rows.positions.unit not in (ROWS, INDEX)
    if own and rows.positions is not None and not form.segments.per_frame:
        raise ValueError(
            f"its rows have their own spans ({rows.positions.name}); leave --segment-length and --segments "
            "out"
        )
    rows = _in_order(rows, numbering, form, num_frames=num_frames, fps=fps)
    if rows.positions is None:
        return spread_rows(rows.score, form.segments, num_frames=num_frames, fps=fps)
    return placed_scores(rows, numbering, num_frames=num_frames, fps=fps)


def _in_order(
    rows: ScoreRows, numbering: Numbering, form: ScoreForm, *, num_frames: int | None, fps: float | None
) -> ScoreRows:
    """Rows that are only numbered, in the order of their numbers; others as they are."""
    positions = rows.positions
    if positions is None or positions.unit not in (ROWS, INDEX) or positions.start is None:
        return rows
    order = np.argsort(positions.start, kind="stable")
    numbers = positions.start[order]
    if (same := np.flatnonzero(np.diff(numbers) == 0)).size:
        raise ValueError(f"{positions.name} {numbers[same[0]]:g} is there twice ({len(same)} such rows)")
    consecutive = bool((np.diff(numbers) == 1).all())
    if positions.unit == INDEX:
        counts = () if num_frames is None else form.segments.counts(num_frames, fps)
        if not counts or len(numbers) in counts:
            return ScoreRows(rows.score[order])
        return ScoreRows(rows.score, replace(positions, unit=FRAMES))
    if positions.unit == ROWS and num_frames is None and form.segments.per_frame:
        raise ValueError(
            f"{positions.name} numbers segments, but neither their length (--segment-length) nor num_frames "
            "of the video is known"
        )
    if consecutive and numbers[0] == numbering.first:
        return ScoreRows(rows.score[order])
    length = form.segments.length
    if length is None:
        raise ValueError(
            f"{positions.name} runs from {numbers[0]:g} to {numbers[-1]:g} in {len(numbers)} rows; segments "
            "are numbered without gaps, and a column that counts frames is named frame"
        )
    starts = (positions.start - numbering.first) * length
    stops = (
        starts + length
        if num_frames is None
        else np.minimum(starts + length, np.maximum(num_frames, starts + 1))
    )
    return ScoreRows(rows.score, Positions(starts, stops, FRAMES, positions.name, exact=True))
