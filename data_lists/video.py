"""The record of one video: its id, what happens in it and where."""

from __future__ import annotations

from array import array
from collections.abc import Sequence
from dataclasses import dataclass
from typing import overload

NORMAL = "Normal"


# Slots: lists of a million videos are read, and a dictionary for each would take 100 MB.
@dataclass(frozen=True, slots=True)
class Video:
    """One untrimmed video of a list."""

    # Path below the data set's root, "/" between folders, no suffix.
    video_id: str
    # "Normal" (class 0) or the name of an anomaly.
    event_class: str = NORMAL
    # True number of frames, None if nobody counted them.
    num_frames: int | None = None
    # Frames [start, stop), 0-based, half-open, sorted. An anomalous video without spans is not annotated.
    anomaly_spans: tuple[tuple[int, int], ...] = ()
    # Videos of one group (camera, place, fold) stay on one side of a hold-out split.
    group: str | None = None
    # "train" or "test" of a published protocol, None otherwise.
    split: str | None = None

    @property
    def is_anomalous(self) -> bool:
        return self.event_class != NORMAL

    @property
    def has_frame_truth(self) -> bool:
        """Whether this record implies frame labels: a normal video, or an anomalous one with spans."""
        return not self.is_anomalous or bool(self.anomaly_spans)


# A video and where it is listed ("file:line", or the file itself in a folder), for messages about it.
LocatedVideo = tuple[Video, str]


class LocatedVideos(Sequence[LocatedVideo]):
    """The videos of a list file with their lines; a location becomes text only when it is asked for."""

    def __init__(self, name: str):
        self.name = name
        self.videos: list[Video] = []
        self.lines = array("L")

    def append(self, video: Video, line: int) -> None:
        self.videos.append(video)
        self.lines.append(line)

    def __len__(self) -> int:
        return len(self.videos)

    @overload
    def __getitem__(self, place: int) -> LocatedVideo: ...

    @overload
    def __getitem__(self, place: slice) -> list[LocatedVideo]: ...

    def __getitem__(self, place: int | slice) -> LocatedVideo | list[LocatedVideo]:
        if isinstance(place, slice):
            return [self[each] for each in range(*place.indices(len(self)))]
        return self.videos[place], f"{self.name}:{self.lines[place]}"
