"""Which columns of a table of scores name the video, the score, and the place of a row."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from score.evaluation.foreign_scores.score_rows import FRAMES, INDEX, ROWS, SECONDS, UNKNOWN

# In the order in which they are preferred. Names are compared without case, spaces and punctuation.
VIDEO_COLUMNS = (
    "video_id video video_name video_file video_path video_filename vid vid_name vid_id filename file_name "
    "file file_path path clip_name sequence_name name sequence id".split()
)
SCORE_COLUMNS = (
    "score scores anomaly_score anomaly_scores frame_score frame_scores segment_score segment_scores "
    "abnormal_score prediction predictions pred preds prob probs probability probabilities value "
    "values".split()
)
MILLISECONDS = "milliseconds"
UNNAMED = "the column without a name"
# Name -> what it says (the start of a row, its stop, or the one place it stands for) and in which unit.
POSITION_COLUMNS: dict[str, tuple[str, str]] = {
    **dict.fromkeys(
        (
            "frame frames frame_id frame_idx frame_index frame_no frame_nr frame_num frame_number frame_name "
            "frame_file".split()
        ),
        ("start", FRAMES),
    ),
    **dict.fromkeys("start_frame frame_start first_frame begin_frame from_frame".split(), ("start", FRAMES)),
    **dict.fromkeys(
        "stop_frame end_frame frame_end frame_stop last_frame to_frame".split(), ("stop", FRAMES)
    ),
    **dict.fromkeys("start begin from".split(), ("start", UNKNOWN)),
    **dict.fromkeys("stop end to".split(), ("stop", UNKNOWN)),
    **dict.fromkeys(
        "time time_s time_sec time_seconds second seconds sec secs timestamp timestamp_s t pts "
        "pts_time".split(),
        ("start", SECONDS),
    ),
    **dict.fromkeys(
        "start_seconds start_second start_sec start_s start_time time_start begin_time".split(),
        ("start", SECONDS),
    ),
    **dict.fromkeys(
        "end_seconds stop_seconds end_second stop_second end_sec stop_sec end_s end_time stop_time "
        "time_end".split(),
        ("stop", SECONDS),
    ),
    **dict.fromkeys("ms milliseconds time_ms timestamp_ms".split(), ("start", MILLISECONDS)),
    **dict.fromkeys(
        [
            f"{noun}{end}"
            for noun in ("segment", "snippet", "clip", "chunk", "window")
            for end in ("", "s", "_id", "_idx", "_index", "_no", "_number")
        ],
        ("start", ROWS),
    ),
    # pandas writes its index below an empty heading.
    **dict.fromkeys(["index", "idx", "row", "row_id", "", "unnamed_0"], ("start", INDEX)),
}
POSITION_KEYS = {name.replace("_", ""): place for name, place in POSITION_COLUMNS.items()}
# Of several columns of places, the first of these is read: it says most about the frames.
PREFERRED = (
    ("pair", FRAMES),
    ("pair", UNKNOWN),
    ("start", FRAMES),
    ("pair", SECONDS),
    ("start", UNKNOWN),
    ("start", SECONDS),
    ("start", MILLISECONDS),
    ("stop", FRAMES),
    ("stop", UNKNOWN),
    ("stop", SECONDS),
    ("start", ROWS),
    ("start", INDEX),
)


@dataclass(frozen=True)
class Columns:
    """Numbers of the columns that are read. unread: the names of all others."""

    video: int | None
    score: int
    start: int | None
    stop: int | None
    unit: str
    unread: tuple[str, ...]
    header: tuple[str, ...]

    @property
    def positions(self) -> str:
        """The names of the columns that are positions, such as "start-stop"; "" if there is none."""
        return "-".join(
            self.header[each].strip() or UNNAMED for each in (self.start, self.stop) if each is not None
        )


def columns_of(header: list[str]) -> Columns:
    """The columns of a header line. Raises ValueError if none is a score, or a name stands twice."""
    names = [plain_column(name) for name in header]
    keys = [column_key(name) for name in header]
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise ValueError(f"column {twice[0]!r} appears twice")
    score = _first(keys, SCORE_COLUMNS)
    if score is None:
        if {"peak_score", "mean_score"} <= set(names):
            raise ValueError(
                "holds the intervals of a prediction, not the score of every frame; give its JSON"
            )
        raise ValueError("no column score")
    video = _first(keys, VIDEO_COLUMNS)
    start, stop, unit = _places(
        [key if number not in (score, video) else "-" for number, key in enumerate(keys)]
    )
    read = {video, score, start, stop}
    # An unnamed index that is not read is no column anybody would look for.
    unread = tuple(header[number] for number in range(len(names)) if number not in read and names[number])
    return Columns(video, score, start, stop, unit, unread, tuple(header))


def plain_column(name: str) -> str:
    """A heading without case, spaces and punctuation: " Frame Id" -> "frame_id"."""
    words = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name.strip().lstrip("#"))
    return re.sub(r"[^0-9a-z]+", "_", words.casefold()).strip("_")


def column_key(name: str) -> str:
    """What makes two headings one: " Frame Id", "FrameID" and "frame_id" are "frameid"."""
    return plain_column(name).replace("_", "")


def _first(keys: Sequence[str], wanted: Sequence[str]) -> int | None:
    return next((keys.index(key) for name in wanted if (key := column_key(name)) in keys), None)


def _places(keys: list[str]) -> tuple[int | None, int | None, str]:
    found: dict[tuple[str, str], int] = {}
    for number, key in enumerate(keys):
        if key in POSITION_KEYS:
            found.setdefault(POSITION_KEYS[key], number)
    for role, unit in PREFERRED:
        start, stop = found.get(("start", unit)), found.get(("stop", unit))
        # "start" and "end_frame" are one pair: the unit of the one is that of the other.
        if role == "pair" and unit == FRAMES:
            start = found.get(("start", UNKNOWN), start) if stop is not None else start
            stop = found.get(("stop", UNKNOWN)) if stop is None and start is not None else stop
        if role == "pair" and start is not None and stop is not None:
            return start, stop, unit
        if role == "start" and start is not None:
            return start, None, unit
        if role == "stop" and stop is not None:
            return None, stop, unit
    return None, None, UNKNOWN
