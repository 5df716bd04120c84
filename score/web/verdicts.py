"""What people say about alerts: labels in the feedback list, and acknowledgements beside the alerts.

FOLDER/feedback.tsv             false alarms and missed moments, for training (score.feedback)
FOLDER/acknowledgements.jsonl   a line per alert that somebody has seen
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from concurrent.futures import Future
from concurrent.futures import TimeoutError as FutureTimeout
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal, get_args

from extract.runtime.foreign.printable import printable
from extract.runtime.foreign.regular_file import present, read_regular
from extract.runtime.line_files import append_line
from score.alerts.alert_event import AlertEvent, iso_time
from score.alerts.alert_folder import hold
from score.feedback.feedback_list import LONGEST_NOTE, Feedback, FeedbackList

ACKNOWLEDGEMENTS = "acknowledgements.jsonl"
KEEP_SECONDS = 30.0  # for a clip that is kept by hand
KeepRecent = Callable[[str, float], Future[AlertEvent]]
Kind = Literal["acknowledged", "false alarm", "missed", "confirmed"]
KINDS: tuple[Kind, ...] = get_args(Kind)


@dataclass(frozen=True)
class Verdict:
    """What somebody said. id: of the alert. time: ISO 8601, UTC.

    kind: acknowledged says that somebody saw it; the others are labels.
    """

    time: str
    id: str
    camera: str
    kind: Kind
    note: str


class Verdicts:
    """Writes below the folder of alerts; the files of an alert with a verdict are kept whatever their age.

    keep_recent: keeps the last seconds of a camera as an alert; None if nothing is in memory. Methods raise
    ValueError for what cannot be said, and OSError if it cannot be written.
    """

    def __init__(
        self, folder: Path, *, keep_recent: Callable[[str, float], Future[AlertEvent]] | None = None
    ):
        self.folder, self._keep_recent = folder, keep_recent
        self._labels = FeedbackList(folder)

    @property
    def file(self) -> Path:
        return self.folder / ACKNOWLEDGEMENTS

    def say(self, alert_id: str, camera: str, kind: str, note: str) -> Verdict:
        """Write a verdict; a label replaces an earlier one of the same alert."""
        known: Kind | None = next((each for each in KINDS if each == kind), None)
        if known is None:
            raise ValueError(f"{kind[:40]!r} is no verdict; known: {', '.join(KINDS)}")
        note = printable(" ".join(note.split()))
        if len(note) > LONGEST_NOTE:
            raise ValueError(f"the note has {len(note)} characters, expected at most {LONGEST_NOTE}")
        verdict = Verdict(iso_time(time.time()), alert_id, printable(camera), known, note)
        hold(self.folder, alert_id)
        if known == "acknowledged":
            append_line(self.file, json.dumps(asdict(verdict), ensure_ascii=False))
        else:
            self._labels.add(Feedback(alert_id, known, note=note, camera=verdict.camera, time=verdict.time))
        return verdict

    def missed(self, camera: str, seconds: float, note: str) -> Verdict:
        """Keep the last seconds of a camera, and say that an anomaly was missed there."""
        if self._keep_recent is None:
            raise ValueError("nothing is in memory that could be kept")
        try:
            event = self._keep_recent(camera, seconds).result(KEEP_SECONDS)
        except FutureTimeout:
            raise ValueError("the clip could not be kept in time; try again") from None
        return self.say(event.id, camera, "missed", note)

    def known(self) -> list[Verdict]:
        """Everything that was said, oldest first. Lines of acknowledgements that are none are passed over."""
        found = [
            Verdict(row.time, row.video_id, row.camera, row.label, row.note) for row in self._labels.rows()
        ]
        for file in present([self.file]):
            for line in read_regular(file).decode("utf-8", "replace").split("\n"):
                try:
                    verdict = Verdict(**json.loads(line))
                except (ValueError, TypeError, RecursionError):
                    continue
                if all(isinstance(each, str) for each in asdict(verdict).values()) and verdict.kind in KINDS:
                    found.append(verdict)
        return sorted(found, key=lambda each: each.time)
