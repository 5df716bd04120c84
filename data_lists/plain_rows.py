"""The quick way through a list file: rows in which nothing can be wrong, in a sixth of the careful time.

Lists of a million videos are read at the start of every command. A row that this does not take need not be
wrong: tsv.py then reads it, and names every mistake.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from data_lists.video import NORMAL, Video
from data_lists.video_checks import span_problems, video_problems

REQUIRED_COLUMNS = ("video_id", "event_class", "num_frames", "anomaly_spans")
# Ids and counts in which video_problems finds nothing.
PLAIN_ID = re.compile("[A-Za-z0-9_-][A-Za-z0-9._/-]*[A-Za-z0-9._-]")  # and neither "/." nor "//"
PLAIN_SPANS = re.compile("[0-9]{1,8}-[0-9]{1,8}(?:,[0-9]{1,8}-[0-9]{1,8})*")
PLAIN_COUNT = re.compile("[1-9][0-9]{0,7}")
MOST_SHARED = 100_000  # values of which one copy is kept


class PlainRows:
    """Makes videos of the fields of plain rows, and keeps one copy of what many rows say."""

    def __init__(self, columns: Sequence[str]):
        """columns: of the list, in its order; all of REQUIRED_COLUMNS, and perhaps group."""
        self.width = len(columns)
        self.id, self.event_class, self.count, self.spans = map(columns.index, REQUIRED_COLUMNS)
        self.group = columns.index("group") if "group" in columns else None
        self.classes: dict[str, str] = {}
        self.groups: dict[str, str | None] = {"": None}
        self.counts: dict[str, int | None] = {"": None}

    def video(self, fields: list[str]) -> Video | None:
        """The video of a row in which nothing can be wrong; None for any other row."""
        if len(fields) != self.width:
            return None
        video_id, num_frames = fields[self.id], fields[self.count]
        if "/." in video_id or "//" in video_id or not PLAIN_ID.fullmatch(video_id):
            return None
        try:
            count = self.counts[num_frames]
        except KeyError:
            if not PLAIN_COUNT.fullmatch(num_frames):
                return None
            count = int(num_frames)
            if len(self.counts) < MOST_SHARED:
                self.counts[num_frames] = count
        event_class, group = fields[self.event_class], "" if self.group is None else fields[self.group]
        spans = ()
        if text := fields[self.spans]:
            if not PLAIN_SPANS.fullmatch(text):
                return None
            edges = [int(edge) for edge in text.replace("-", ",").split(",")]
            spans = tuple(zip(edges[::2], edges[1::2], strict=True))
            if event_class == NORMAL or span_problems(spans, count):
                return None
        try:
            return Video(video_id, self.classes[event_class], count, spans, self.groups[group])
        except KeyError:
            return self._first(Video(video_id, event_class, count, spans, group or None))

    def _first(self, video: Video) -> Video | None:
        """The first video of a class or group, if nothing is wrong with their names."""
        if video_problems(video):
            return None
        if len(self.classes) < MOST_SHARED and len(self.groups) < MOST_SHARED:
            self.classes.setdefault(video.event_class, video.event_class)
            self.groups.setdefault(video.group or "", video.group)
        return video
