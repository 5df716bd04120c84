"""The feedback list: what people said about clips, one row per clip, in a list file that training reads.

    FOLDER/feedback.tsv             video_id, event_class, ..., group (the camera), label, note, time
    FOLDER/features/PRESET/ID.h5    the features of the clips, a store per preset of the run

The folder of alerts that `watch` writes is such a folder: the video id is the id of the alert. The page, the
app and `review` all write through this module. Every change replaces the file as a whole under a lock, so
that no reader sees half a list, and a clip that is labelled again has one row.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path
from typing import Literal

from data_lists import ListError, Video
from data_lists.tsv import format_noted, read_noted
from data_lists.video import NORMAL
from data_lists.video_checks import video_problems
from extract.runtime.atomic import write_text
from extract.runtime.file_lock import lock_exclusively

LIST, LOCK, FEATURES = "feedback.tsv", ".feedback.lock", "features"
Label = Literal["false alarm", "missed", "confirmed"]
LABELS: tuple[Label, ...] = ("false alarm", "missed", "confirmed")
ANOMALY = "Anomaly"  # the event class where nobody names one
LONGEST_NOTE = 1000  # characters


@dataclass(frozen=True)
class Feedback:
    """What one person said about one clip.

    video_id: of the clip in the stores of the folder. event_class: "" for the usual one: Normal for a false
    alarm, else Anomaly. time: ISO 8601, UTC; "" for now. Raises ValueError for a label that does not exist, a
    class that contradicts it, and what a list cannot hold.
    """

    video_id: str
    label: Label
    event_class: str = ""
    note: str = ""
    camera: str = ""
    time: str = ""

    def __post_init__(self):
        if self.label not in LABELS:
            raise ValueError(f"the label {self.label!r} is unknown, expected {', '.join(LABELS)}")
        is_false = self.label == "false alarm"
        chosen = self.event_class or (NORMAL if is_false else ANOMALY)
        if (chosen == NORMAL) != is_false:
            raise ValueError(
                f"{self.video_id}: the label {self.label!r} does not go with the event class {chosen!r}"
            )
        if len(self.note) > LONGEST_NOTE:
            raise ValueError(f"the note has {len(self.note)} characters, expected at most {LONGEST_NOTE}")
        now = datetime.now(timezone.utc).isoformat(timespec="seconds")
        object.__setattr__(self, "event_class", chosen)
        object.__setattr__(self, "note", " ".join(self.note.split()))
        object.__setattr__(self, "time", self.time or now)
        if problems := video_problems(self.video):
            raise ValueError(f"{self.video_id}: {'; '.join(problems)}")

    @property
    def video(self) -> Video:
        """As training takes it: a label for the whole clip, and its camera as the group."""
        return Video(self.video_id, self.event_class, group=self.camera or None)

    @property
    def notes(self) -> dict[str, str]:
        return {"label": self.label, "note": self.note, "time": self.time}


class FeedbackList:
    """The list in a folder; the file and the folder need not exist before the first row."""

    def __init__(self, folder: Path | str):
        self.folder = Path(folder)
        self.path = self.folder / LIST

    def rows(self) -> list[Feedback]:
        """In the order of the file. Raises ListError for a file that is no feedback list."""
        if not self.path.exists():
            return []
        found, problems = [], []
        for video, notes, place in read_noted(self.path):
            try:
                found.append(_feedback(video, notes))
            except ValueError as error:
                problems.append(f"{place}: {error}")
        if problems:
            raise ListError(problems)
        return found

    def add(self, feedback: Feedback) -> Feedback | None:
        """Write a row in place of an earlier one of the same clip, which is returned."""
        with self._changing() as rows:
            old = next((each for each in rows if each.video_id == feedback.video_id), None)
            self._write([*(each for each in rows if each is not old), feedback])
        return old

    def remove(self, video_id: str) -> bool:
        """Whether there was a row of this clip."""
        with self._changing() as rows:
            kept = [each for each in rows if each.video_id != video_id]
            if len(kept) < len(rows):
                self._write(kept)
        return len(kept) < len(rows)

    @contextmanager
    def _changing(self) -> Iterator[list[Feedback]]:
        self.folder.mkdir(parents=True, exist_ok=True)
        lock = os.open(self.folder / LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o666)
        try:
            lock_exclusively(lock, str(self.path))
            yield self.rows()
        finally:
            os.close(lock)

    def _write(self, rows: Sequence[Feedback]) -> None:
        if rows:
            write_text(self.path, format_noted([(each.video, each.notes) for each in rows]))
        else:  # a list without a video is none
            self.path.unlink(missing_ok=True)


def _feedback(video: Video, notes: dict[str, str]) -> Feedback:
    label = notes.get("label", "")
    known: Label | None = next((each for each in LABELS if each == label), None)
    if known is None:
        raise ValueError(f"{video.video_id}: the label is {label!r}, expected {', '.join(LABELS)}")
    return Feedback(
        video.video_id,
        known,
        video.event_class,
        notes.get("note", ""),
        video.group or "",
        notes.get("time", ""),
    )
